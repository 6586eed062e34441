import type { Context, Schema } from "@kx/core";
import type { Attachment, CniVersion, JsonObject, PluginConfig, Result110 } from "@kx/core/contracts/cni";

/** What ADD gives, in the newest form; the kit converts it to the configuration's version. */
export type CniResult = Result110;

/** What the runtime asks for one interface of one container. */
export interface AttachmentRequest<Config> {
  readonly containerId: string;
  readonly ifName: string;
  /** CNI_ARGS, `KEY=value` pairs; `args.cni` and `runtimeConfig` of the configuration come before them. */
  readonly args: Readonly<Record<string, string>>;
  /** The configuration, with the plug-in's own fields as its schema gives them. */
  readonly config: PluginConfig & Config;
  /** What the plug-ins before this one (ADD), or all of the list (CHECK, DEL), gave. DEL may come without. */
  readonly prevResult?: CniResult;
}

/** ADD and CHECK: the container's network namespace is there. */
export interface NetnsRequest<Config> extends AttachmentRequest<Config> {
  /** Path of the network namespace. */
  readonly netns: string;
}

/** CHECK: the result of the whole list is there. */
export interface CheckRequest<Config> extends NetnsRequest<Config> {
  readonly prevResult: CniResult;
}

/** DEL: the namespace may be unknown or gone; then there is no path. */
export interface DelRequest<Config> extends AttachmentRequest<Config> {
  readonly netns?: string;
}

/** STATUS. */
export interface StatusRequest<Config> {
  readonly config: PluginConfig & Config;
}

/** GC. */
export interface GcRequest<Config> {
  readonly config: PluginConfig & Config;
  /** What is still in use. Absent if the runtime did not say: then only what has lost its namespace may go. */
  readonly validAttachments?: readonly Attachment[];
}

/** What a handler gets beside its request. `signal` aborts when the runtime no longer waits. */
export interface CniContext extends Context {
  /**
   * Remembers how to take back what this very call has made. If the call fails, the steps run, newest first, and each is
   * tried even if another failed.
   */
  undo(step: () => void | Promise<void>): void;
  /**
   * Calls another plug-in with this call's command and variables, such as that of address management. Where this call is
   * an ADD that fails later, the other plug-in's DEL is called.
   *
   * @param type - the plug-in's file name: one of those that the host offers in process, else looked up in CNI_PATH.
   * @param config - its whole configuration. Default: that of this call, as the runtime gave it.
   * @returns its result, for ADD; of the other commands, an empty one.
   * @throws KxError with the plug-in's own code and text.
   */
  delegate(type: string, config?: JsonObject): Promise<CniResult>;
  /** Does work under a name; how long each name took is logged and measured. */
  phase<T>(name: string, work: () => T | Promise<T>): Promise<T>;
}

/** The handlers of a plug-in: what `defineCniPlugin` takes. */
export interface CniHandlers<Config> {
  /** The plug-in's type, which is its file's name. */
  readonly name: string;
  /** The plug-in's own fields. Unknown fields must be let through: the configuration holds others' too. */
  readonly config?: Schema<Config>;
  /** Attaches the container. A chained plug-in gives `prevResult` with its own edits. */
  add(request: NetnsRequest<Config>, ctx: CniContext): Promise<CniResult>;
  /** Takes the attachment away; what is gone already is no error. */
  del(request: DelRequest<Config>, ctx: CniContext): Promise<void>;
  /** Throws if the attachment is not as ADD left it. Absent: CHECK succeeds. */
  check?(request: CheckRequest<Config>, ctx: CniContext): Promise<void>;
  /** Throws if ADD would fail. Absent: STATUS succeeds. */
  status?(request: StatusRequest<Config>, ctx: CniContext): Promise<void>;
  /** Removes what belongs to no valid attachment. Absent: GC succeeds. */
  gc?(request: GcRequest<Config>, ctx: CniContext): Promise<void>;
}

/** A plug-in: inert, run by `runCniPlugin` or by the daemon. */
export interface CniPlugin<Config = unknown> extends Readonly<CniHandlers<Config>> {
  readonly kx: 1;
  readonly supportedVersions: readonly CniVersion[];
}
