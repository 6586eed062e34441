import { KxError } from "@kx/core";
import type { GrpcErrorStatus } from "@kx/core/grpc";
import { toStatus } from "@kx/core/grpc";
import { csiStatusTable } from "../driver/csi-error.ts";

/**
 * What a failed call means for what comes next: nothing was made (`final`), it may still be at work and only the same call
 * again tells (`running`), or there is no room where it was wanted (`exhausted`, final too).
 */
export type Outcome = "final" | "running" | "exhausted";

// external-provisioner, external-attacher and the kubelet count the same codes.
const maybeRunning: ReadonlySet<GrpcErrorStatus> = new Set([
  "CANCELLED",
  "DEADLINE_EXCEEDED",
  "UNAVAILABLE",
  "ABORTED",
]);

/** The gRPC status that a call of a driver failed with; undefined for what is no failed call. */
export function statusOf(error: unknown): GrpcErrorStatus | undefined {
  if (!KxError.is(error) || !error.code.startsWith("KX_GRPC_")) return undefined;
  return toStatus(error, csiStatusTable).status;
}

/** What a failure means. One that is no answer of a driver, such as a secret that is missing before the call, is final. */
export function outcomeOf(error: unknown): Outcome {
  const status = statusOf(error);
  if (status === undefined) return "final";
  if (status === "RESOURCE_EXHAUSTED") return "exhausted";
  return maybeRunning.has(status) ? "running" : "final";
}

/** Whether a failed call has left nothing at work. */
export function isFinal(error: unknown): boolean {
  return outcomeOf(error) !== "running";
}

/** A failure as events and conditions tell it: the reason and what to do, without our code. */
export function reasonOf(error: unknown): string {
  if (!KxError.is(error)) return error instanceof Error ? error.message : String(error);
  const status = statusOf(error);
  const text = error.remedy === undefined ? error.reason : `${error.reason} (${error.remedy})`;
  return status === undefined ? text : `${status}: ${text}`;
}
