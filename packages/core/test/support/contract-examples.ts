// One full document of each contract that is JSON: every field that there is.
import type { CdiSpec } from "../../src/contracts/cdi/index.ts";
import type {
  NetworkConfigList,
  PluginConfig,
  Result020,
  Result040,
  Result100,
  Result110,
} from "../../src/contracts/cni/index.ts";
import type {
  CredentialProviderConfig,
  CredentialProviderRequest,
  CredentialProviderResponse,
} from "../../src/contracts/credential-provider/index.ts";
import type {
  ExtenderArgs,
  ExtenderFilterResult,
  ExtenderPreemptionArgs,
} from "../../src/contracts/scheduler/index.ts";
import type {
  AdmissionReviewRequest,
  AdmissionReviewResponse,
  ConversionReviewRequest,
  ConversionReviewResponse,
} from "../../src/contracts/webhook/index.ts";

const dns = { nameservers: ["10.1.0.1"], domain: "example.com", search: ["a.example.com"], options: ["ndots:2"] };
const route = { dst: "0.0.0.0/0", gw: "10.1.0.1" };
const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "b", uid: "c" } };

export const config: PluginConfig = {
  cniVersion: "1.1.0",
  name: "dbnet",
  type: "kx-bridge",
  capabilities: { portMappings: true, mac: false },
  runtimeConfig: {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "127.0.0.1" }],
    ipRanges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.3", rangeEnd: "10.1.2.99", gateway: "10.1.2.254" }]],
    bandwidth: { ingressRate: 2048, ingressBurst: 1600, egressRate: 4096, egressBurst: 1600 },
    dns: { servers: ["10.1.0.1"], searches: ["a.example.com"], options: [] },
    ips: ["10.10.0.1/24", "3ffe:ffff:0:1ff::1/64"],
    mac: "00:11:22:33:44:66",
    infinibandGUID: "c2:11:22:33:44:55:66:77",
    deviceID: "0000:04:00.5",
    aliases: ["web"],
    cgroupPath: "/kubelet/pod",
  },
  ipam: { type: "host-local", subnet: "10.1.0.0/16" },
  dns,
  args: { cni: { ips: ["10.1.0.9"] } },
  prevResult: { cniVersion: "1.1.0", ips: [] },
  "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }],
  "cni.dev/attachments": null,
};

export const list: NetworkConfigList = {
  cniVersion: "1.1.0",
  cniVersions: ["0.4.0", "1.0.0"],
  name: "dbnet",
  disableCheck: true,
  disableGC: false,
  loadOnlyInlinedPlugins: true,
  plugins: [
    { type: "kx-bridge", ipam: { type: "host-local" }, dns },
    { type: "portmap", capabilities: { portMappings: true }, args: {} },
  ],
};

export const result020: Result020 = {
  cniVersion: "0.2.0",
  ip4: { ip: "10.1.0.5/16", gateway: "10.1.0.1", routes: [route] },
  ip6: { ip: "2001:db8::5/64", gateway: "2001:db8::1", routes: [{ dst: "::/0" }] },
  dns,
};

export const result040: Result040 = {
  cniVersion: "0.4.0",
  interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", sandbox: "/var/run/netns/a" }],
  ips: [{ version: "4", address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 0 }],
  routes: [route],
  dns,
};

export const result100: Result100 = {
  cniVersion: "1.0.0",
  interfaces: [
    { name: "cni0", mac: "00:11:22:33:44:55" },
    { name: "eth0", sandbox: "/var/run/netns/a" },
  ],
  ips: [{ address: "2001:db8::5/64", gateway: "2001:db8::1", interface: 1 }],
  routes: [route],
  dns,
};

export const result110: Result110 = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "eth0", mac: "00:11:22:33:44:55", mtu: 1400, sandbox: "/n", socketPath: "/s", pciID: "04:00.5" },
  ],
  ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 0 }],
  routes: [{ ...route, mtu: 1400, advmss: 1360, priority: 10, table: 100, scope: 253 }],
  dns,
};

export const cdi: CdiSpec = {
  cdiVersion: "1.1.0",
  kind: "kx.dev/gpu",
  annotations: { a: "b" },
  devices: [
    {
      name: "0:1",
      annotations: { c: "d" },
      containerEdits: {
        env: ["GPU=0", "EMPTY="],
        deviceNodes: [
          {
            path: "/dev/gpu0",
            hostPath: "/dev/host-gpu0",
            type: "c",
            major: 195,
            minor: 1,
            fileMode: 438,
            permissions: "rw",
            uid: 0,
            gid: 4_294_967_295,
          },
        ],
        netDevices: [{ hostInterfaceName: "eth7", name: "net0" }],
        hooks: [{ hookName: "createContainer", path: "/bin/hook", args: ["hook"], env: ["A=b"], timeout: 5 }],
        mounts: [{ hostPath: "/lib/gpu", containerPath: "/lib/gpu", options: ["ro"], type: "bind" }],
        intelRdt: {
          closID: "gold",
          l3CacheSchema: "L3:0=f",
          memBwSchema: "MB:0=70",
          schemata: ["x"],
          enableMonitoring: true,
        },
        additionalGids: [44],
      },
    },
  ],
  containerEdits: { env: ["VENDOR=kx"] },
};

export const providerRequest: CredentialProviderRequest = {
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  kind: "CredentialProviderRequest",
  image: "registry.example/team/app:1",
  serviceAccountToken: "token",
  serviceAccountAnnotations: { role: "reader" },
};

export const providerResponse: CredentialProviderResponse = {
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  kind: "CredentialProviderResponse",
  cacheKeyType: "Registry",
  cacheDuration: "10m0s",
  auth: { "*.registry.example": { username: "u", password: "p" } },
};

export const providerConfig: CredentialProviderConfig = {
  apiVersion: "kubelet.config.k8s.io/v1",
  kind: "CredentialProviderConfig",
  providers: [
    {
      name: "kx-registry",
      matchImages: ["*.registry.example", "registry.example:5000/team"],
      defaultCacheDuration: "1h30m0s",
      apiVersion: "credentialprovider.kubelet.k8s.io/v1",
      args: ["--verbose"],
      env: [{ name: "A", value: "b" }],
      tokenAttributes: {
        serviceAccountTokenAudience: "registry.example",
        cacheType: "ServiceAccount",
        requireServiceAccount: true,
        requiredServiceAccountAnnotationKeys: ["role"],
        optionalServiceAccountAnnotationKeys: ["team"],
      },
    },
  ],
};

export const filterArgs: ExtenderArgs = {
  Pod: pod,
  Nodes: { items: [{ metadata: { name: "n1" } }] },
  NodeNames: ["n1"],
};

export const filterResult: ExtenderFilterResult = {
  Nodes: { items: [] },
  NodeNames: ["n1"],
  FailedNodes: { n2: "no gpu" },
  FailedAndUnresolvableNodes: { n3: "wrong zone" },
  Error: "no",
};

export const preemptionArgs: ExtenderPreemptionArgs = {
  Pod: pod,
  NodeNameToVictims: { n1: { Pods: [pod], NumPDBViolations: 1 } },
  NodeNameToMetaVictims: { n1: { Pods: [{ UID: "c" }], NumPDBViolations: 1 } },
};

const resource = { group: "", version: "v1", resource: "pods" };
const kind = { group: "", version: "v1", kind: "Pod" };

export const admissionRequest: AdmissionReviewRequest = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "705ab4f5",
    kind,
    resource,
    subResource: "status",
    requestKind: kind,
    requestResource: resource,
    requestSubResource: "status",
    name: "a",
    namespace: "b",
    operation: "UPDATE",
    userInfo: { username: "admin", uid: "1", groups: ["system:masters"], extra: { scopes: ["x"] } },
    object: pod,
    oldObject: pod,
    dryRun: false,
    options: { kind: "UpdateOptions" },
  },
};

export const admissionResponse: AdmissionReviewResponse = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  response: {
    uid: "705ab4f5",
    allowed: true,
    status: { status: "Success", message: "fine", reason: "Fine", code: 200 },
    patch: Buffer.from("[]").toString("base64"),
    patchType: "JSONPatch",
    auditAnnotations: { rule: "a" },
    warnings: ["deprecated"],
  },
};

export const conversionRequest: ConversionReviewRequest = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "ConversionReview",
  request: { uid: "705ab4f5", desiredAPIVersion: "example.com/v2", objects: [{ apiVersion: "example.com/v1" }] },
};

export const conversionResponse: ConversionReviewResponse = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "ConversionReview",
  response: { uid: "705ab4f5", convertedObjects: [], result: { status: "Failure", message: "no" } },
};

export const victims = { NodeNameToMetaVictims: { n1: { Pods: [{ UID: "c" }], NumPDBViolations: 2 } } };
