import type { KxErrorCode } from "../error.ts";
import type { HostEnv, KubeObject, RenderEnv } from "../extension.ts";
import { isRecord } from "../is-record.ts";
import type { LogLevel } from "../log/levels.ts";
import type { MetricFamily, MetricSample } from "../metrics/families.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Entry, RunnableStatus } from "./hosted-extension.ts";

/** How often a child process tells that its event loop turns, in milliseconds. */
export const beatMs = 1000;

/** The first message to a child process. Without `run` it only tries the extension, renders its manifests if asked, and ends. */
export interface LoadMessage {
  readonly type: "load";
  readonly entry: Entry;
  readonly resolveFrom: readonly string[];
  readonly logLevel: LogLevel;
  readonly render?: RenderEnv;
  readonly run?: {
    readonly role: HostEnv["role"];
    readonly nodeName: string | undefined;
    readonly kubeconfig: string | undefined;
    readonly stopTimeoutMs: number;
    /** Whether the host shows metrics. */
    readonly isMeasured: boolean;
    readonly backoff?: Omit<BackoffOptions, "random">;
  };
}

/** From the host to a child process. */
export type ToChild = LoadMessage | { readonly type: "stop" } | { readonly type: "metrics" };

/** From a child process to the host. */
export type FromChild =
  | { readonly type: "up" }
  | { readonly type: "beat"; readonly rssBytes: number; readonly runnables: readonly RunnableStatus[] }
  | LoadedMessage
  | { readonly type: "metrics"; readonly families: readonly SentFamily[] }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly error: FailureMessage };

/** What the extension is. */
export interface LoadedMessage {
  readonly type: "loaded";
  readonly name: string;
  readonly version: string;
  readonly kind: string;
  /** If `render` was asked for. */
  readonly manifests?: readonly KubeObject[];
}

/** A family as it crosses to another process by JSON, which has no infinite numbers. */
export interface SentFamily extends Omit<MetricFamily, "samples"> {
  readonly samples: readonly (Omit<MetricSample, "value"> & { readonly value: number | string })[];
}

/** Families as a child sends them. */
export function packFamilies(families: readonly MetricFamily[]): readonly SentFamily[] {
  return families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => ({
      ...sample,
      value: Number.isFinite(sample.value) ? sample.value : String(sample.value),
    })),
  }));
}

/** The reverse of `packFamilies`. */
export function unpackFamilies(families: readonly SentFamily[]): readonly MetricFamily[] {
  return families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => ({ ...sample, value: Number(sample.value) })),
  }));
}

/** A KxError as it crosses to another process, without its cause. */
export interface FailureMessage {
  readonly code: KxErrorCode;
  readonly reason: string;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Whether a message is one of the host's or of a child's; extensions may use the channel too. */
export function isMessage<T extends ToChild | FromChild>(value: unknown, types: readonly T["type"][]): value is T {
  return isRecord(value) && types.some((type) => type === value["type"]);
}
