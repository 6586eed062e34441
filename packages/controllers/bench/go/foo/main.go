// A small controller on client-go that does for Foos what kx's and the original sample-controller do, without a limit on
// its requests: each Foo gets its Deployment, a status and an event. Takes -kubeconfig, as ../../foo.ts gives it.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

const workers = 2

var resource = schema.GroupVersionResource{Group: "samplecontroller.k8s.io", Version: "v1alpha1", Resource: "foos"}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of a kubeconfig")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	must(err)
	config.QPS, config.Burst = 5000, 5000
	config.ContentType = "application/json"
	client := kubernetes.NewForConfigOrDie(config)
	foosClient := dynamic.NewForConfigOrDie(config).Resource(resource)

	foos := dynamicinformer.NewDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(config), 30*time.Second)
	core := informers.NewSharedInformerFactory(client, 30*time.Second)
	foo := foos.ForResource(resource)
	deployments := core.Apps().V1().Deployments()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedItemBasedRateLimiter[string]())
	enqueue := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	_, err = foo.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) }})
	must(err)
	enqueueOwner := func(object any) {
		deployment, ok := object.(*appsv1.Deployment)
		if !ok {
			return
		}
		if owner := metav1.GetControllerOf(deployment); owner != nil && owner.Kind == "Foo" {
			queue.Add(deployment.Namespace + "/" + owner.Name)
		}
	}
	_, err = deployments.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: enqueueOwner, DeleteFunc: enqueueOwner, UpdateFunc: func(old, object any) {
		if old.(*appsv1.Deployment).ResourceVersion != object.(*appsv1.Deployment).ResourceVersion {
			enqueueOwner(object)
		}
	}})
	must(err)
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "twin"})

	sync := func(key string) error {
		namespace, name, err := cache.SplitMetaNamespaceKey(key)
		if err != nil {
			return err
		}
		object, err := foo.Lister().ByNamespace(namespace).Get(name)
		if errors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		item := object.(*unstructured.Unstructured)
		wanted, _, _ := unstructured.NestedString(item.Object, "spec", "deploymentName")
		replicas, hasReplicas, _ := unstructured.NestedInt64(item.Object, "spec", "replicas")
		deployment, err := deployments.Lister().Deployments(namespace).Get(wanted)
		if errors.IsNotFound(err) {
			deployment, err = client.AppsV1().Deployments(namespace).Create(ctx, newDeployment(item, wanted, int32(replicas)), metav1.CreateOptions{})
		}
		if err != nil {
			return err
		}
		if hasReplicas && deployment.Spec.Replicas != nil && int64(*deployment.Spec.Replicas) != replicas {
			deployment, err = client.AppsV1().Deployments(namespace).Update(ctx, newDeployment(item, wanted, int32(replicas)), metav1.UpdateOptions{})
			if err != nil {
				return err
			}
		}
		fresh := item.DeepCopy()
		must(unstructured.SetNestedField(fresh.Object, int64(deployment.Status.AvailableReplicas), "status", "availableReplicas"))
		if _, err := foosClient.Namespace(namespace).UpdateStatus(ctx, fresh, metav1.UpdateOptions{}); err != nil {
			return err
		}
		recorder.Event(item, corev1.EventTypeNormal, "Synced", "Foo synced successfully")
		return nil
	}
	foos.Start(ctx.Done())
	core.Start(ctx.Done())
	cache.WaitForCacheSync(ctx.Done(), foo.Informer().HasSynced, deployments.Informer().HasSynced)
	for worker := 0; worker < workers; worker++ {
		go func() {
			for {
				key, stopped := queue.Get()
				if stopped {
					return
				}
				if err := sync(key); err != nil {
					queue.AddRateLimited(key)
				} else {
					queue.Forget(key)
				}
				queue.Done(key)
			}
		}()
	}
	<-ctx.Done()
	queue.ShutDown()
}

func newDeployment(owner *unstructured.Unstructured, name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": "nginx", "controller": owner.GetName()}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Namespace:       owner.GetNamespace(),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, owner.GroupVersionKind())},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "nginx", Image: "nginx:latest"}}},
			},
		},
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
