import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { type JsonObject, jsonObject } from "../json.ts";

// Keys are as Go spells the fields, since upstream's types give no other names. Go writes null for what is not set.

/** The nodes of a call, in full. */
export interface NodeList {
  readonly items: readonly JsonObject[];
}

/** What filter and prioritize are asked. */
export interface ExtenderArgs {
  readonly Pod: JsonObject;
  /** Null if the extender is nodeCacheCapable. */
  readonly Nodes?: NodeList | null;
  /** Null unless the extender is nodeCacheCapable. */
  readonly NodeNames?: readonly string[] | null;
}

/** What filter answers: nodes in the form in which they came. */
export interface ExtenderFilterResult {
  readonly Nodes?: NodeList | null;
  /** With nodeCacheCapable; null then drops every node. */
  readonly NodeNames?: readonly string[] | null;
  /** By node: why not. Evicting pods may help. */
  readonly FailedNodes?: Readonly<Record<string, string>> | null;
  /** By node: why not. Evicting pods does not help. */
  readonly FailedAndUnresolvableNodes?: Readonly<Record<string, string>> | null;
  /** Not empty: the call failed. */
  readonly Error?: string;
}

/** The score of one node: 0 to 10, which counts ten times the extender's weight. */
export interface HostPriority {
  readonly Host: string;
  readonly Score: number;
}

/** Pods that would have to go, by UID. */
export interface MetaVictims {
  readonly Pods: readonly { readonly UID: string }[] | null;
  /** How many disruption budgets that would break. */
  readonly NumPDBViolations: number;
}

/** Pods that would have to go, in full. */
export interface Victims {
  readonly Pods: readonly JsonObject[] | null;
  readonly NumPDBViolations: number;
}

/** What preempt is asked. */
export interface ExtenderPreemptionArgs {
  readonly Pod: JsonObject;
  /** Null if the extender is nodeCacheCapable. */
  readonly NodeNameToVictims?: Readonly<Record<string, Victims>> | null;
  /** Null unless the extender is nodeCacheCapable. */
  readonly NodeNameToMetaVictims?: Readonly<Record<string, MetaVictims>> | null;
}

/** What preempt answers, in this form whatever it was asked in. */
export interface ExtenderPreemptionResult {
  readonly NodeNameToMetaVictims: Readonly<Record<string, MetaVictims>> | null;
}

/** What bind is asked. */
export interface ExtenderBindingArgs {
  readonly PodName: string;
  readonly PodNamespace: string;
  readonly PodUID: string;
  readonly Node: string;
}

/** What bind answers. */
export interface ExtenderBindingResult {
  /** Empty or absent: bound. */
  readonly Error?: string;
}

const optional = <S extends z.core.$ZodType>(schema: S) => z.exactOptional(z.nullable(schema));
const nodes = optional(z.looseObject({ items: z.array(jsonObject) }));
const names = optional(z.array(z.string()));
const reasons = optional(z.record(z.string(), z.string()));
const count = z.int().check(z.nonnegative());
const error = z.exactOptional(z.string());
const metaVictims = z.record(
  z.string(),
  z.looseObject({ Pods: z.nullable(z.array(z.looseObject({ UID: z.string() }))), NumPDBViolations: count }),
);
const victims = z.record(z.string(), z.looseObject({ Pods: z.nullable(z.array(jsonObject)), NumPDBViolations: count }));

export const extenderArgs: Schema<ExtenderArgs> = miniSchema(
  z.looseObject({ Pod: jsonObject, Nodes: nodes, NodeNames: names }),
);

export const extenderFilterResult: Schema<ExtenderFilterResult> = miniSchema(
  z.strictObject({
    Nodes: nodes,
    NodeNames: names,
    FailedNodes: reasons,
    FailedAndUnresolvableNodes: reasons,
    Error: error,
  }),
);

/** What prioritize answers: a bare list. */
export const hostPriorityList: Schema<readonly HostPriority[]> = miniSchema(
  z.array(z.strictObject({ Host: z.string(), Score: count.check(z.maximum(10)) })),
);

export const extenderPreemptionArgs: Schema<ExtenderPreemptionArgs> = miniSchema(
  z.looseObject({
    Pod: jsonObject,
    NodeNameToVictims: optional(victims),
    NodeNameToMetaVictims: optional(metaVictims),
  }),
);

export const extenderPreemptionResult: Schema<ExtenderPreemptionResult> = miniSchema(
  z.strictObject({ NodeNameToMetaVictims: z.nullable(metaVictims) }),
);

export const extenderBindingArgs: Schema<ExtenderBindingArgs> = miniSchema(
  z.looseObject({ PodName: z.string(), PodNamespace: z.string(), PodUID: z.string(), Node: z.string() }),
);

export const extenderBindingResult: Schema<ExtenderBindingResult> = miniSchema(z.strictObject({ Error: error }));
