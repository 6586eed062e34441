import type { ClusterFacts, NodeFacts, NodeObjects, OpenNodeObjects } from "@kx/cni/node-network";
import {
  type Client,
  createCache,
  createClient,
  createEventRecorder,
  type DeepReadonly,
  metadataOf,
  type ObjectLike,
  type Resource,
} from "@kx/controllers";
import { Node } from "@kx/controllers/api/core-v1";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";

const component = "kx-node-network";
const networkPolicies: Resource = metadataOf({
  group: "networking.k8s.io",
  version: "v1",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
  namespaced: true,
});

/** The cluster's objects for the pod network, by a client of the API server. */
export const openNodeObjects: OpenNodeObjects = async ({ kubeconfig, log, clock }) => {
  const config = await loadKubeconfig({ clock, ...(kubeconfig === undefined ? {} : { path: kubeconfig }) });
  const client = createClient(config, { clock, fieldManager: component, userAgent: component });
  const recorder = createEventRecorder({ client, component, clock, log });
  const cache = createCache({ client, clock, log });
  const nodes = cache.informer(Node, { transform: trimNode });
  const policies = cache.informer(networkPolicies);
  const uidOf = (name: string) => nodes.get(name)?.metadata.uid;
  return {
    async follow(signal, changed) {
      const tell = () => {
        if (nodes.synced && policies.synced) changed(factsOf(nodes.list(), policies.list().length));
      };
      const ends = [nodes, policies].map((informer) =>
        informer.subscribe({ added: tell, updated: tell, deleted: tell }),
      );
      try {
        await cache.run(signal, tell);
      } finally {
        for (const end of ends) end();
      }
    },
    setNetworkAvailable: (name, why) => setNetworkAvailable(client, name, clock.now(), why),
    event(name, input) {
      const uid = uidOf(name);
      const metadata = { name, ...(uid === undefined ? {} : { uid }) };
      recorder.event({ apiVersion: "v1", kind: "Node", metadata }, input);
    },
    async [Symbol.asyncDispose]() {
      await recorder[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
    },
  } satisfies NodeObjects;
};

/** What most of a Node object consists of is not read here. */
function trimNode(object: ObjectLike): void {
  const node = object as Node;
  const { addresses = [], conditions = [] } = node.status ?? {};
  const unavailable = conditions.filter(({ type }) => type === "NetworkUnavailable");
  node.status = { addresses, conditions: unavailable };
}

function factsOf(nodes: readonly DeepReadonly<Node>[], policies: number): ClusterFacts {
  return { nodes: nodes.map(toFacts), networkPolicies: policies };
}

/** What the pod network reads of a Node. Pure. */
export function toFacts({ metadata, spec, status }: DeepReadonly<Node>): NodeFacts {
  const unavailable = status?.conditions?.find(({ type }) => type === "NetworkUnavailable");
  const single = spec?.podCIDR === undefined ? [] : [spec.podCIDR];
  return {
    name: metadata.name ?? "",
    podCidrs: spec?.podCIDRs ?? single,
    internalIps: (status?.addresses ?? []).flatMap(({ type, address }) => (type === "InternalIP" ? [address] : [])),
    ...(unavailable === undefined
      ? {}
      : { networkUnavailable: { status: unavailable.status, reason: unavailable.reason ?? "" } }),
  };
}

async function setNetworkAvailable(
  client: Client,
  name: string,
  nowMs: number,
  why: { readonly reason: string; readonly message: string },
): Promise<void> {
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const condition = {
    type: "NetworkUnavailable",
    status: "False",
    ...why,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  await client.patch(Node, { name }, { status: { conditions: [condition] } }, { subresource: "status", force: true });
}
