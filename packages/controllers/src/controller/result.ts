import { KxError } from "@kx/core";

/** What a reconcile ended with; a failure is thrown instead, and tried again with back-off. */
export type Result =
  | { readonly kind: "done" }
  | { readonly kind: "requeue" }
  | { readonly kind: "requeueAfter"; readonly ms: number };

/** Nothing is left to do until the object, or one that it owns, changes. */
export const done: Result = Object.freeze({ kind: "done" });

/** Come again with back-off, as after a failure, but without one. */
export function requeue(): Result {
  return { kind: "requeue" };
}

/** Come again after `ms` milliseconds, or earlier if something changes. */
export function requeueAfter(ms: number): Result {
  return { kind: "requeueAfter", ms };
}

/** An error to throw when trying again would not help: the object is left alone until it, or what it owns, changes. */
export function terminal(reason: string, cause?: unknown): KxError {
  return new KxError("KX_CONTROLLER_TERMINAL", reason, { cause });
}
