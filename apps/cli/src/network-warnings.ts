import { clusterStatus, connectCluster } from "@kx/cluster";
import { adminClient } from "./apply.ts";
import { askSocket, hostsOf } from "./hosts.ts";

/** Something that is wrong with the pod network of a node, although it runs. */
export interface NetworkWarning {
  readonly node: string;
  /** One word in CamelCase: that of the event about it. */
  readonly reason: string;
  readonly message: string;
}

interface Sign {
  readonly metric: string;
  readonly isWrong: (value: number) => boolean;
  readonly reason: string;
  /** What is told if the event about it is gone. */
  readonly message: string;
}

const isSet = (value: number) => value > 0;
/** Metrics tell what is so now; the events about it tell more, but stay when it is over. */
const signs: readonly Sign[] = [
  {
    metric: "kx_cni_configuration_shadowed",
    isWrong: isSet,
    reason: "NetworkShadowed",
    message: "the container runtime takes another network configuration, whose name sorts before kx's",
  },
  {
    metric: "kx_cni_plugins_missing",
    isWrong: isSet,
    reason: "PluginsMissing",
    message: "there are no plug-ins of kx, so no network is configured",
  },
  {
    metric: "kx_cni_unenforced_network_policies",
    isWrong: isSet,
    reason: "NetworkPolicyNotEnforced",
    message: "there are NetworkPolicies, but nothing enforces them",
  },
  {
    metric: "kx_cni_unreachable_pod_ranges",
    isWrong: isSet,
    reason: "PodsUnreachable",
    message: "there is no route to the pods of another node",
  },
  {
    metric: "kx_cni_pool_free_addresses",
    isWrong: (value) => value <= 0,
    reason: "AddressesExhausted",
    message: "all addresses of a range are in use: new pods wait",
  },
];
const timeoutMs = 2000;

/** What the node agents of a folder's cluster warn of now; nothing if none is up. */
export async function networkWarnings(dir: string): Promise<readonly NetworkWarning[]> {
  if ((await clusterStatus(dir))?.phase !== "up") return [];
  const cluster = await connectCluster(dir);
  const agents = hostsOf(dir, await cluster.processes()).filter(({ name }) => name === "node-agent");
  const found = await Promise.all(
    agents.map(async ({ node = "", socket }) => {
      const text = await askSocket(socket, "/metrics", timeoutMs).catch(() => "");
      return readSigns(text).map((sign) => ({ node, ...sign }));
    }),
  );
  const warnings = found.flat();
  if (warnings.length === 0) return [];
  const told = await readEvents(cluster);
  return warnings.map(({ node, reason, message }) => ({
    node,
    reason,
    message: told.get(`${node} ${reason}`) ?? message,
  }));
}

/** What an agent's metrics warn of. Pure. @param text - as Prometheus reads it. */
export function readSigns(text: string): readonly Pick<Sign, "reason" | "message">[] {
  const values = [...text.matchAll(/^(\w+)(?:\{.*\})? (\S+)$/gm)].map(([, name, value]) => ({
    name,
    value: Number(value),
  }));
  return signs
    .filter(({ metric, isWrong }) => values.some(({ name, value }) => name === metric && isWrong(value)))
    .map(({ reason, message }) => ({ reason, message }));
}

interface NodeEvent {
  readonly metadata: { readonly creationTimestamp: string };
  readonly reason?: string;
  readonly note?: string;
  readonly regarding?: { readonly kind?: string; readonly name?: string };
}

/** The newest words about each node and reason. */
async function readEvents(cluster: { readonly kubeconfig: string }): Promise<ReadonlyMap<string, string>> {
  await using client = await adminClient(cluster);
  const list = (await client.raw("GET", "/apis/events.k8s.io/v1/namespaces/default/events")) as {
    readonly items: readonly NodeEvent[];
  };
  const ofNodes = list.items.filter(({ regarding }) => regarding?.kind === "Node");
  const oldestFirst = ofNodes.toSorted((a, b) =>
    a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp),
  );
  return new Map(oldestFirst.map(({ regarding, reason, note = "" }) => [`${regarding?.name} ${reason}`, note]));
}
