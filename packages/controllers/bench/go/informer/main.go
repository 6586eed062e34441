// One pod informer of client-go, for the comparison in ../../informer.ts:
//
//	informer <kubeconfig> <namespace> <content type>
//
// Prints one line of JSON when it has synced, and ends when its standard input does. With a number of requests as fourth
// argument it then reads one pod so often, over its one connection, and prints what that cost.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig, namespace, contentType := os.Args[1], os.Args[2], os.Args[3]
	started := time.Now()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(err)
	config.ContentType = contentType
	config.AcceptContentTypes = contentType
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	must(err)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithNamespace(namespace),
		informers.WithTransform(func(object any) (any, error) {
			if pod, ok := object.(*corev1.Pod); ok {
				pod.ManagedFields = nil
			}
			return object, nil
		}))
	informer := factory.Core().V1().Pods().Informer()
	stop := make(chan struct{})
	factory.Start(stop)
	cache.WaitForCacheSync(stop, informer.HasSynced)
	report(map[string]any{
		"syncMs":  float64(time.Since(started).Microseconds()) / 1000,
		"cpuMs":   cpuMs(),
		"objects": len(informer.GetStore().ListKeys()),
	})
	if len(os.Args) > 4 {
		count, err := strconv.Atoi(os.Args[4])
		must(err)
		requests(client, namespace, informer.GetStore().ListKeys()[0], count)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(stop)
}

// requests reads one pod count times, 32 at a time.
func requests(client kubernetes.Interface, namespace, key string, count int) {
	_, name, err := cache.SplitMetaNamespaceKey(key)
	must(err)
	before, start := cpuMs(), time.Now()
	var group sync.WaitGroup
	for worker := 0; worker < 32; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < count/32; i++ {
				_, err := client.CoreV1().Pods(namespace).Get(context.Background(), name, metav1.GetOptions{})
				must(err)
			}
		}()
	}
	group.Wait()
	report(map[string]any{"requests": count / 32 * 32, "cpuMs": cpuMs() - before, "ms": float64(time.Since(start).Microseconds()) / 1000})
}

func cpuMs() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func report(value map[string]any) {
	must(json.NewEncoder(os.Stdout).Encode(value))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
