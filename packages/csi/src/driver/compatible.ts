import type { Topology, TopologyRequirement } from "@kx/core/contracts/csi";
import { AccessMode } from "@kx/core/contracts/csi";
import { canonical } from "./canonical.ts";
import type { JsonRecord, JsonValue } from "./volume-state.ts";

/** Parameters that Kubernetes adds for the driver's information: they tell who asks, and not what is asked for. */
const informational = /^csi\.storage\.k8s\.io\/(pv|volumesnapshot|volumegroupsnapshot)/;

/**
 * What a retry of a request must have in common with it: of requests that create something its name, parameters and source;
 * of others all but what may change from try to try.
 */
export function creatingJson(localName: string, request: JsonRecord): JsonRecord {
  if (!localName.startsWith("create")) return request;
  const { name, sourceVolumeId, sourceVolumeIds, volumeContentSource } = request;
  return {
    name: name ?? "",
    source: sourceVolumeId ?? sortedTexts(sourceVolumeIds) ?? volumeContentSource ?? null,
    parameters: essentialParameters(request),
  };
}

/** Whether two requests that create something ask for it with the same parameters. */
export function haveSameParameters(a: JsonRecord, b: JsonRecord): boolean {
  return canonical(essentialParameters(a)) === canonical(essentialParameters(b));
}

function essentialParameters(request: JsonRecord): JsonRecord {
  const parameters = recordOf(request["parameters"]);
  return Object.fromEntries(Object.entries(parameters).filter(([key]) => !informational.test(key)));
}

/** Whether two requests want the same content to begin with. */
export function haveSameSource(a: JsonRecord, b: JsonRecord): boolean {
  return canonical(a["volumeContentSource"] ?? null) === canonical(b["volumeContentSource"] ?? null);
}

/** Whether every capability that is asked for now was asked for then. */
export function asksNoMoreThan(then: JsonRecord, now: JsonRecord): boolean {
  const known = listOf(then["volumeCapabilities"]).map(usesOf);
  return listOf(now["volumeCapabilities"]).every((capability) => {
    const wanted = usesOf(capability);
    return known.some((one) => isSameUse(one, wanted));
  });
}

/** Whether two capabilities, as plain JSON, ask for the same use. */
export function isSameCapability(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return isSameUse(usesOf(a ?? null), usesOf(b ?? null));
}

interface Use {
  readonly type: string;
  readonly mode: string;
  readonly fsType: string;
}

function usesOf(capability: JsonValue): Use {
  const { mount, accessMode } = recordOf(capability);
  return {
    type: mount === undefined ? "block" : "mount",
    mode: textOf(recordOf(accessMode)["mode"]),
    fsType: textOf(recordOf(mount)["fsType"]),
  };
}

const singleWriters = new Set([
  AccessMode[AccessMode.SINGLE_NODE_WRITER],
  AccessMode[AccessMode.SINGLE_NODE_MULTI_WRITER],
]);

function isSameUse(a: Use, b: Use): boolean {
  // A caller that was upgraded says SINGLE_NODE_MULTI_WRITER where it said SINGLE_NODE_WRITER before.
  const isSameMode = a.mode === b.mode || (singleWriters.has(a.mode) && singleWriters.has(b.mode));
  return a.type === b.type && isSameMode && (b.fsType === "" || a.fsType === "" || a.fsType === b.fsType);
}

/** Whether something reachable from these places is reachable from one that is required. */
export function isReachable(places: readonly Topology[], requirement: TopologyRequirement | undefined): boolean {
  const requisite = requirement?.requisite ?? [];
  if (places.length === 0 || requisite.length === 0) return true;
  return requisite.some((wanted) => places.some((place) => agree(place.segments, wanted.segments)));
}

/** Two places agree if one lies within the other. */
function agree(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const shared = Object.keys(a).filter((key) => key in b);
  const isWithin = shared.length === Object.keys(a).length || shared.length === Object.keys(b).length;
  return isWithin && shared.every((key) => a[key] === b[key]);
}

/** Whether a size, if it is known, is within a range; 0 in the range means "any". */
export function fitsRange(
  bytes: bigint,
  range: { readonly requiredBytes: bigint; readonly limitBytes: bigint },
): boolean {
  return bytes === 0n || (bytes >= range.requiredBytes && (range.limitBytes === 0n || bytes <= range.limitBytes));
}

function sortedTexts(value: JsonValue | undefined): JsonValue | undefined {
  return Array.isArray(value) ? value.map(String).toSorted() : undefined;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function recordOf(value: JsonValue | undefined): JsonRecord {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? value : {};
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
