import type { Cached, DeepReadonly } from "@kx/controllers";
import type { TopologySelectorTerm, VolumeNodeAffinity } from "@kx/controllers/api/core-v1";
import type { CSINode } from "@kx/controllers/api/storage-v1";
import { KxError } from "@kx/core";

/** A place, by the labels of the nodes that are there. */
export type Segments = Readonly<Record<string, string>>;

/** What is known of the places of a cluster. */
export interface Places {
  /** The labels by which a driver on this node tells places apart; undefined if there is no such driver, or node. */
  keysOf(node: string): readonly string[] | undefined;
  /** The same for any node that has the driver. */
  readonly keys: readonly string[] | undefined;
  labelsOf(node: string): Segments | undefined;
  readonly labels: readonly Segments[];
}

/** The places of a cluster, from its nodes. */
export function clusterPlaces(
  driverName: string,
  csiNodes: readonly Cached<CSINode>[],
  nodes: readonly { readonly metadata: { readonly name: string; readonly labels?: Segments } }[],
): Places {
  const keysIn = (node: Cached<CSINode> | undefined) =>
    node?.spec.drivers?.find((driver) => driver.name === driverName)?.topologyKeys;
  return {
    keysOf: (name) => keysIn(csiNodes.find((node) => node.metadata.name === name)),
    get keys() {
      // The oldest node's, so that every try asks for the same.
      const sorted = csiNodes.toSorted((a, b) =>
        a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1,
      );
      return sorted.map(keysIn).find((keys) => keys !== undefined && keys.length > 0);
    },
    labelsOf: (name) => nodes.find((node) => node.metadata.name === name)?.metadata.labels,
    labels: nodes.map((node) => node.metadata.labels ?? {}),
  };
}

/** The one place of a driver that provisions for its own node alone. */
export function nodePlaces(nodeName: string, segments: Segments): Places {
  const keys = Object.keys(segments);
  return {
    keys,
    keysOf: (name) => (name === nodeName ? keys : undefined),
    labelsOf: (name) => (name === nodeName ? segments : undefined),
    labels: [segments],
  };
}

/** What a requirement is made of. */
export interface TopologyFacts {
  readonly claimName: string;
  readonly allowed: DeepReadonly<TopologySelectorTerm[]>;
  /** The node that the scheduler has chosen. */
  readonly node: string | undefined;
  /** Only the place of the chosen node is asked for. */
  readonly isStrict: boolean;
  /** Without a chosen node and without allowed places, all places of the cluster are told. */
  readonly tellsAllPlaces: boolean;
}

/** Where a volume must and where it should be reachable. */
export interface TopologyRequirementPlan {
  readonly requisite: readonly { readonly segments: Record<string, string> }[];
  readonly preferred: readonly { readonly segments: Record<string, string> }[];
}

/**
 * Where a volume shall be reachable (external-provisioner, README, "Topology support"); undefined if nothing is asked for.
 *
 * @throws KxError `KX_CSI_NODE` if the chosen node has no such driver, so that another must be chosen; `KX_CSI_TOPOLOGY`.
 */
export function planTopology(facts: TopologyFacts, places: Places): TopologyRequirementPlan | undefined {
  const { node, isStrict, allowed } = facts;
  const own = node === undefined ? undefined : placeOf(node, places);
  const allowedPlaces = allowed.flatMap(flatten);
  if (own !== undefined && isStrict) {
    if (allowed.length > 0 && !allowedPlaces.some((place) => isPart(place, own))) {
      throw impossible(`the chosen node ${node} is in ${show(own)}, which the StorageClass does not allow`);
    }
    return requirement([own], [own]);
  }
  if (own === undefined && allowed.length === 0 && !facts.tellsAllPlaces) return undefined;
  const requisite = distinct(allowed.length > 0 ? allowedPlaces : allPlaces(node, places));
  // Entries of allowedTopologies without labels allow every place.
  if (requisite.length === 0) return undefined;
  const first =
    own === undefined ? spread(facts.claimName, requisite.length) : requisite.findIndex((p) => isPart(p, own));
  if (first === -1) throw impossible(`the chosen node ${node} is in ${show(own)}, which is not allowed`);
  return requirement(requisite, [...requisite.slice(first), ...requisite.slice(0, first)]);
}

function placeOf(node: string, places: Places): Segments {
  const keys = places.keysOf(node);
  if (keys === undefined) {
    throw new KxError("KX_CSI_NODE", `the chosen node ${node} does not exist, or has not the driver`, {
      retryable: true,
    });
  }
  const labels = places.labelsOf(node) ?? {};
  const missing = keys.filter((key) => labels[key] === undefined);
  if (keys.length === 0) throw impossible(`the driver on node ${node} tells no topology`);
  if (missing.length > 0)
    throw impossible(`node ${node} lacks the labels ${missing.join(", ")} of the driver's topology`);
  return pick(labels, keys);
}

function allPlaces(node: string | undefined, places: Places): readonly Segments[] {
  const keys = node === undefined ? places.keys : places.keysOf(node);
  if (keys === undefined) throw impossible("the driver runs on no node that tells a topology");
  const found = places.labels.filter((labels) => keys.every((key) => labels[key] !== undefined));
  if (found.length === 0) throw impossible(`no node has the labels ${keys.join(", ")} of the driver's topology`);
  return found.map((labels) => pick(labels, keys));
}

/** One term allows each combination of its values. */
function flatten(term: DeepReadonly<TopologySelectorTerm>): readonly Segments[] {
  const { matchLabelExpressions = [] } = term;
  if (matchLabelExpressions.length === 0) return [];
  return matchLabelExpressions.reduce<readonly Segments[]>(
    (places, { key, values }) => values.flatMap((value) => places.map((place) => ({ ...place, [key]: value }))),
    [{}],
  );
}

function isPart(part: Segments, whole: Segments): boolean {
  return Object.entries(part).every(([key, value]) => whole[key] === value);
}

function pick(labels: Segments, keys: readonly string[]): Segments {
  return Object.fromEntries(keys.map((key) => [key, labels[key] ?? ""]));
}

/** Each place once, in an order that depends on nothing else. */
function distinct(places: readonly Segments[]): readonly Segments[] {
  const byText = new Map(places.map((place) => [sortKey(place), place]));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
}

function sortKey(place: Segments): string {
  return JSON.stringify(Object.entries(place).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function requirement(requisite: readonly Segments[], preferred: readonly Segments[]): TopologyRequirementPlan {
  const shown = (places: readonly Segments[]) => places.map((segments) => ({ segments: { ...segments } }));
  return { requisite: shown(requisite), preferred: shown(preferred) };
}

/**
 * Which place comes first for a claim of Immediate binding: a StatefulSet's claims `<claim>-<set>-<number>` go round the
 * places, and those of one pod to the same. As kube-controller-manager has always done it, so that volumes of a set made
 * later fit to those made earlier.
 */
function spread(claimName: string, count: number): number {
  const [, rest = claimName, number = "0"] = /^(.*)-(\d{1,9})$/.exec(claimName) ?? [];
  const hashed = rest === claimName ? claimName : rest.slice(rest.lastIndexOf("-") + 1);
  return ((fnv32(hashed) + Number(number)) >>> 0) % count;
}

/** FNV-1 of 32 bits. */
function fnv32(text: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 16777619) ^ byte) >>> 0;
  return hash;
}

/** Which nodes can use a volume, from where it is reachable; undefined for every node. */
export function nodeAffinity(topologies: readonly { readonly segments: Segments }[]): VolumeNodeAffinity | undefined {
  const terms = topologies.map(({ segments }) => Object.entries(segments)).filter((entries) => entries.length > 0);
  if (terms.length === 0) return undefined;
  const nodeSelectorTerms = terms.map((entries) => ({
    matchExpressions: entries.map(([key, value]) => ({ key, operator: "In", values: [value] })),
  }));
  return { required: { nodeSelectorTerms } };
}

/** Whether a volume can be used in a place. */
export function isReachable(affinity: DeepReadonly<VolumeNodeAffinity> | undefined, place: Segments): boolean {
  const terms = affinity?.required?.nodeSelectorTerms;
  if (terms === undefined) return true;
  return terms.some(({ matchExpressions = [] }) =>
    matchExpressions.every(({ key, operator, values = [] }) => operator === "In" && values.includes(place[key] ?? "")),
  );
}

function show(place: Segments | undefined): string {
  return JSON.stringify(place ?? {});
}

function impossible(reason: string): KxError {
  return new KxError("KX_CSI_TOPOLOGY", reason, { retryable: true });
}
