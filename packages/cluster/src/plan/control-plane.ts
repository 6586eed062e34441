/** What the control plane's programs are told; the same for an API server alone and for a cluster. */
export interface ControlPlaneSpec {
  readonly etcdData: string;
  readonly etcdPort: number;
  /** 0 lets etcd choose. */
  readonly etcdPeerPort: number;
  readonly securePort: number;
  readonly bindAddress: string;
  readonly advertiseAddress: string;
  /** One a family, as are those of pods. */
  readonly serviceCidrs: readonly string[];
  /** Folder with the PEM files of pki.ts. */
  readonly pki: string;
  readonly podCidrs?: readonly string[];
  readonly apiServerArgs: readonly string[];
}

export function etcdArgs(spec: ControlPlaneSpec): string[] {
  const client = `http://127.0.0.1:${spec.etcdPort}`;
  const peer = `http://127.0.0.1:${spec.etcdPeerPort}`;
  return [
    "etcd",
    "--name=kx",
    `--data-dir=${spec.etcdData}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=kx=${peer}`,
  ];
}

export function apiServerArgs(spec: ControlPlaneSpec): string[] {
  const pki = (file: string): string => `${spec.pki}/${file}`;
  return [
    "kube-apiserver",
    `--etcd-servers=http://127.0.0.1:${spec.etcdPort}`,
    `--secure-port=${spec.securePort}`,
    `--bind-address=${spec.bindAddress}`,
    `--advertise-address=${spec.advertiseAddress}`,
    `--tls-cert-file=${pki("apiserver.crt")}`,
    `--tls-private-key-file=${pki("apiserver.key")}`,
    `--client-ca-file=${pki("ca.crt")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${pki("sa.pub")}`,
    `--service-account-signing-key-file=${pki("sa.key")}`,
    `--service-cluster-ip-range=${spec.serviceCidrs.join()}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    `--kubelet-client-certificate=${pki("kubelet-client.crt")}`,
    `--kubelet-client-key=${pki("kubelet-client.key")}`,
    `--kubelet-certificate-authority=${pki("ca.crt")}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--requestheader-client-ca-file=${pki("front-proxy-ca.crt")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${pki("front-proxy-client.crt")}`,
    `--proxy-client-key-file=${pki("front-proxy-client.key")}`,
    "--enable-aggregator-routing=true",
    ...spec.apiServerArgs,
  ];
}

export function controllerManagerArgs(spec: ControlPlaneSpec, kubeconfig: string, securePort = 10257): string[] {
  const pki = (file: string): string => `${spec.pki}/${file}`;
  return [
    "kube-controller-manager",
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${securePort}`,
    `--service-account-private-key-file=${pki("sa.key")}`,
    `--root-ca-file=${pki("ca.crt")}`,
    `--cluster-signing-cert-file=${pki("ca.crt")}`,
    `--cluster-signing-key-file=${pki("ca.key")}`,
    "--use-service-account-credentials=true",
    "--leader-elect=false",
    `--service-cluster-ip-range=${spec.serviceCidrs.join()}`,
    ...(spec.podCidrs === undefined ? [] : ["--allocate-node-cidrs=true", `--cluster-cidr=${spec.podCidrs.join()}`]),
    "--controllers=*,bootstrapsigner,tokencleaner",
    // With the default of 20 a second the default ServiceAccount is there only after 6 s.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
  ];
}

export function schedulerArgs(kubeconfig: string, config: string, securePort = 10259): string[] {
  return [
    "kube-scheduler",
    `--config=${config}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${securePort}`,
  ];
}

export function schedulerConfig(kubeconfig: string): Record<string, unknown> {
  return {
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    leaderElection: { leaderElect: false },
    clientConnection: { kubeconfig, qps: 200, burst: 400 },
  };
}
