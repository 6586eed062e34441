import type { KxErrorCode } from "../error.ts";
import type { HostEnv } from "../extension.ts";
import { isRecord } from "../is-record.ts";
import type { LogLevel } from "../log/levels.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Entry, RunnableStatus } from "./hosted-extension.ts";

/** How often a child process tells that its event loop turns, in milliseconds. */
export const beatMs = 1000;

/** The first message to a child process. Without `run` it only tries the extension, and ends. */
export interface LoadMessage {
  readonly type: "load";
  readonly entry: Entry;
  readonly resolveFrom: readonly string[];
  readonly logLevel: LogLevel;
  readonly run?: {
    readonly role: HostEnv["role"];
    readonly nodeName: string | undefined;
    readonly kubeconfig: string | undefined;
    readonly stopTimeoutMs: number;
    readonly backoff?: Omit<BackoffOptions, "random">;
  };
}

/** From the host to a child process. */
export type ToChild = LoadMessage | { readonly type: "stop" };

/** From a child process to the host. */
export type FromChild =
  | { readonly type: "up" }
  | { readonly type: "beat"; readonly rssBytes: number; readonly runnables: readonly RunnableStatus[] }
  | { readonly type: "loaded"; readonly name: string; readonly version: string; readonly kind: string }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly error: FailureMessage };

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
