import type { Clock } from "@kx/core";
import { type CallOptions, grpcError } from "@kx/core/grpc";

type Work<T> = (callSignal: AbortSignal, deadline: number | undefined) => Promise<T>;

/**
 * Does a call's work and waits for it no longer than its caller wants. The work itself goes on: the kit gives its outcome to
 * the caller's retry.
 */
export async function withDeadline<T>(method: string, call: CallOptions, clock: Clock, work: Work<T>): Promise<T> {
  const { signal, timeoutMs = Number.POSITIVE_INFINITY } = call;
  const deadline = Math.min(call.deadline ?? Number.POSITIVE_INFINITY, clock.now() + timeoutMs);
  if (signal?.aborted === true) throw cancelled(method, signal);
  const ended = new AbortController();
  const gone = new AbortController();
  const given = Promise.withResolvers<never>();
  const leave = (error: Error): void => {
    given.reject(error);
    gone.abort(error);
  };
  const onAbort = (): void => leave(cancelled(method, signal));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (deadline < Number.POSITIVE_INFINITY) {
    clock.sleep(Math.max(0, deadline - clock.now()), ended.signal).then(
      () => leave(late(method)),
      () => undefined,
    );
  }
  try {
    return await Promise.race([
      work(gone.signal, deadline < Number.POSITIVE_INFINITY ? deadline : undefined),
      given.promise,
    ]);
  } finally {
    ended.abort();
    signal?.removeEventListener("abort", onAbort);
  }
}

function late(method: string): Error {
  return grpcError("DEADLINE_EXCEEDED", `${method} has not ended in time and may be at work`, { retryable: true });
}

function cancelled(method: string, signal: AbortSignal | undefined): Error {
  return grpcError("CANCELLED", `${method} was cancelled`, { cause: signal?.reason });
}
