import type { HostConfiguration } from "../config/host-configuration.ts";
import type { Extension, KubeObject, RenderEnv, Runnable } from "../extension.ts";
import type { MetricFamily } from "../metrics/families.ts";

/** One entry of a host's configuration and its place there, such as `extensions[0]`. */
export type Entry = HostConfiguration["extensions"][number] & { readonly at: string };

/** What a host knows of the process of an isolated extension. */
export interface ChildState {
  /** Undefined while none runs. */
  readonly pid: number | undefined;
  /** Its resident memory, as it last told. */
  readonly rssBytes: number | undefined;
  readonly runnables: readonly RunnableStatus[];
  /** What it measures; none while it does not run, or does not answer within a second. */
  metrics(): Promise<readonly MetricFamily[]>;
}

/** Marks a runnable that stands for others; no name, since an author's runnable may have any property. */
export const childState = Symbol("state of a child process");

/** A runnable that stands for others in a process of their own. */
export interface ProcessRunnable extends Runnable {
  readonly [childState]: ChildState;
}

/**
 * What a host runs: an extension in its own process, or one that it knows by name and runs in a child process. The code of
 * the latter is never loaded here: a process of its own renders its manifests.
 */
export interface HostedExtension extends Pick<Extension, "kind" | "name" | "version" | "parts" | "metrics"> {
  readonly isolation?: "shared" | "process";
  manifests(env: RenderEnv): readonly KubeObject[] | Promise<readonly KubeObject[]>;
}

/** One runnable, as the host's health server tells it. */
export interface RunnableStatus {
  /** `<extension>/<runnable>`. */
  readonly name: string;
  readonly group: string;
  readonly isReady: boolean;
  /** How often it was started again since the host, or the extension's process, started. */
  readonly restarts: number;
  /** Why the life before this one ended; absent if none has. */
  readonly lastFailure?: string;
}

/** One extension, as the host's health server tells it. */
export interface ExtensionStatus {
  readonly name: string;
  readonly version: string;
  readonly kind: string;
  readonly isolation: "shared" | "process";
  /** Whether all of its runnables serve. */
  readonly isReady: boolean;
  /** Of its own process, if it has one that runs. */
  readonly pid?: number;
  /** Resident memory of its own process. */
  readonly rssBytes?: number;
  readonly runnables: readonly RunnableStatus[];
}
