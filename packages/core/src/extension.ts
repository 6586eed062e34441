import type { Clock, Logger } from "./context.ts";
import type { MetricFamily } from "./metrics/families.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Schema } from "./schema.ts";

/** The extension points of Kubernetes that kx knows. */
export type ExtensionKind = "cni" | "csi" | "device-plugin" | "dra" | "credential-provider" | "controller" | "webhook";

/** Any Kubernetes object, as plain JSON. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** Runnables start group by group in this order and stop in reverse. */
export type RunnableGroup = "health" | "server" | "cache" | "worker" | "leader";

/** A long-running part of an extension. */
export interface Runnable {
  readonly name: string;
  /** Default: `worker`. */
  readonly group?: RunnableGroup;
  /**
   * Runs until `signal` aborts, then cleans up and resolves. Calls `ready` once it serves; the next group starts only
   * then. Throwing, or returning before the signal aborts, is a failure that the host answers with a restart.
   */
  start(signal: AbortSignal, ready: () => void): Promise<void>;
}

/** What the host gives an extension's parts. */
export interface HostEnv {
  /** Which half of an extension is wanted: the part on every node, or the part beside the control plane. */
  readonly role: "node" | "controller";
  readonly log: Logger;
  readonly clock: Clock;
  /** The node's name, where role is `node`. */
  readonly nodeName?: string;
  /**
   * A registry of the extension's own. The host's `/metrics` shows what is in it with the label `extension`, wherever the
   * extension runs. Absent where the host shows no metrics.
   */
  readonly metrics?: Metrics;
  /** Path of the kubeconfig, if the host was given one; in a pod the service account's files are used instead. */
  readonly kubeconfig?: string;
}

/** What manifests are rendered for. */
export interface RenderEnv {
  readonly namespace: string;
  readonly image: string;
  /**
   * Name of the service account, in that namespace, that the hosts on nodes have: what confines it to the objects of its own
   * node is rendered for it. Its tokens must name their node, as those of pods do. Default: nothing confines any account.
   */
  readonly nodeAccount?: string;
}

/** What an extension's node part needs of the node; `kx render` and the host both read it. */
export interface NodeNeeds {
  readonly hostPaths?: readonly { readonly path: string; readonly propagation?: "HostToContainer" | "Bidirectional" }[];
  readonly capabilities?: readonly string[];
  /** All that root may do, also to change settings under /proc/sys, which other containers only read. Default: false. */
  readonly privileged?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly devices?: readonly string[];
  readonly hostFiles?: readonly string[];
}

/** One extension of Kubernetes: what `define*` returns for every long-running kind, and what a host runs. */
export interface Extension {
  /** Protocol number of this interface: @kx/core may be present twice in a process. */
  readonly kx: 1;
  readonly kind: ExtensionKind;
  readonly name: string;
  readonly version: string;
  /** The runnables for a role; built only when a host asks. */
  parts(env: HostEnv): readonly Runnable[];
  /** The objects that a cluster needs for this extension: RBAC, CRDs, CSIDriver. */
  manifests(env: RenderEnv): readonly KubeObject[];
  /** The present values of metrics that it keeps itself; the host shows them beside those of `HostEnv.metrics`. */
  metrics?(): readonly MetricFamily[];
  readonly node?: NodeNeeds;
}

/** What a package exports under the name `extension`. */
export interface ExtensionModule<Options = unknown> {
  readonly kx: 1;
  readonly options: Schema<Options>;
  create(options: Options): Extension;
}

/** Types an extension module; pure, does nothing at run time but freeze. */
export function defineExtension<Options>(module: {
  readonly options: Schema<Options>;
  create(options: Options): Extension;
}): ExtensionModule<Options> {
  return Object.freeze({ kx: 1, options: module.options, create: (options: Options) => module.create(options) });
}
