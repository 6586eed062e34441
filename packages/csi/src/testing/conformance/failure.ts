import { KxError } from "@kx/core";
import type { GrpcErrorStatus } from "@kx/core/grpc";
import { statusOf } from "../../controllers/outcome.ts";

/** Ends a case: the driver does not do what the specification asks for. */
export function fail(reason: string): never {
  throw new KxError("KX_CSI_CONFORMANCE", reason);
}

/** The answer of a call that must succeed. Ends the case if it did not. */
export async function succeeded<T>(call: Promise<T>, what: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    return fail(`${what} failed, but must succeed: ${told(error)}`);
  }
}

/** Ends the case unless a call fails with one of these, and says why. No statuses: any, but that it is not implemented. */
export async function refused(
  call: Promise<unknown>,
  statuses: readonly GrpcErrorStatus[],
  what: string,
): Promise<GrpcErrorStatus> {
  const failure = await failureOf(call);
  const wanted = statuses.length === 0 ? "" : ` with ${statuses.join(" or ")}`;
  if (failure === undefined) return fail(`${what} succeeded, but must fail${wanted}`);
  const { status, message } = failure;
  const isWanted = statuses.length === 0 ? status !== "UNIMPLEMENTED" : statuses.includes(status);
  if (!isWanted) fail(`${what} failed with ${status}, not${wanted || " as a call that is served"}: ${message}`);
  if (message === "") fail(`${what} failed with ${status} and without a message that says why`);
  return status;
}

/** A failed call's status and message; undefined for one that succeeds. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly status: GrpcErrorStatus; readonly message: string } | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    // The client puts the method and the socket before what the driver said.
    const { reason } = KxError.from(error);
    return { status, message: / at \S+:\s*([\s\S]*)$/.exec(reason)?.[1] ?? reason };
  }
}

/** A failure as a case tells it. */
function told(error: unknown): string {
  const status = statusOf(error);
  const { reason } = KxError.from(error);
  return status === undefined ? reason : `${status}, ${reason}`;
}
