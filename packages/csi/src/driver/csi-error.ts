import { KxError, type KxErrorOptions } from "@kx/core";
import { grpcError, type StatusTable, toStatus } from "@kx/core/grpc";

/** What a driver can say of a failure; each stands for one status of CSI: see the errors' table. */
export type CsiFailure =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "IN_USE"
  | "OUT_OF_RANGE"
  | "EXHAUSTED"
  | "BUSY"
  | "UNAVAILABLE"
  | "TIMEOUT"
  | "UNSUPPORTED";

/** The error that a handler throws: `KX_CSI_<FAILURE>`. What is neither a KxError nor known is answered with INTERNAL. */
export function csiError(failure: CsiFailure, reason: string, options: KxErrorOptions = {}): KxError {
  return new KxError(`KX_CSI_${failure}`, reason, options);
}

/** Which status answers an error of which code. */
export const csiStatusTable = {
  KX_CSI_INVALID_ARGUMENT: "INVALID_ARGUMENT",
  KX_CSI_NOT_FOUND: "NOT_FOUND",
  KX_CSI_ALREADY_EXISTS: "ALREADY_EXISTS",
  KX_CSI_IN_USE: "FAILED_PRECONDITION",
  KX_CSI_OUT_OF_RANGE: "OUT_OF_RANGE",
  KX_CSI_EXHAUSTED: "RESOURCE_EXHAUSTED",
  KX_CSI_BUSY: "ABORTED",
  KX_CSI_TOKEN: "ABORTED",
  KX_CSI_STARTING: "UNAVAILABLE",
  KX_CSI_UNAVAILABLE: "UNAVAILABLE",
  KX_CSI_TIMEOUT: "DEADLINE_EXCEEDED",
  KX_CSI_UNSUPPORTED: "UNIMPLEMENTED",
  KX_CSI_RESPONSE: "INTERNAL",
  // The call may still be at work in the kernel, so that the answer must not be final.
  KX_LINUX_CALL_HUNG: "DEADLINE_EXCEEDED",
} as const satisfies StatusTable;

const timeoutNames = new Set(["AbortError", "TimeoutError"]);
const timeoutCodes = new Set([
  "ETIMEDOUT",
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
  "EAI_AGAIN",
  "EBUSY",
  "EAGAIN",
  "EINTR",
]);

/**
 * Any failure of a handler as the error that answers it: with a text and without details, as CSI wants. Pure.
 *
 * To the sidecars CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE and ABORTED mean "may still be at work"; every other code is
 * final: nothing was made, or it is undone (external-provisioner, `checkError`). So a failure of an unknown kind that may
 * be a lost answer is never told as final.
 */
export function toCsiError(error: unknown): KxError {
  const { status, message, statusDetails } = toStatus(error, csiStatusTable);
  if (status === "INTERNAL" && mayBeAtWork(error)) {
    const text = KxError.is(error) ? error.message : "the storage system did not answer, see the log of the driver";
    return grpcError("UNAVAILABLE", text, { cause: error, retryable: true });
  }
  if (KxError.is(error) && statusDetails.length === 0 && message !== "") return error;
  return grpcError(status, message === "" ? `the driver failed with ${status}` : message, { cause: error });
}

function mayBeAtWork(error: unknown): boolean {
  if (KxError.is(error) && error.retryable) return true;
  if (!(error instanceof Error)) return false;
  const isTimeout = timeoutNames.has(error.name) || ("code" in error && timeoutCodes.has(String(error.code)));
  return isTimeout || (error.cause !== undefined && mayBeAtWork(error.cause));
}
