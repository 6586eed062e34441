import { KxError } from "@kx/core";
import { type ObjectLike, refOf } from "../api/resource.ts";
import type { Informer } from "../cache/informer.ts";
import type { WorkQueue } from "../queue/work-queue.ts";
import type { ControllerDefinition, ReconcileContext } from "./define-controller.ts";
import type { Result } from "./result.ts";

/** One worker: takes key after key until `stop` aborts. What goes wrong in one reconcile is that one's own. */
export async function work<T extends ObjectLike>(
  definition: ControllerDefinition<T>,
  informer: Informer<T>,
  queue: WorkQueue,
  ctx: ReconcileContext,
  stop: AbortSignal,
): Promise<void> {
  for (let key = await queue.get(stop); key !== undefined; key = await queue.get(stop)) {
    try {
      settle(queue, key, await reconcile(definition, informer, key, ctx));
    } catch (error) {
      fail(queue, key, error, ctx);
    } finally {
      queue.done(key);
    }
  }
}

async function reconcile<T extends ObjectLike>(
  definition: ControllerDefinition<T>,
  informer: Informer<T>,
  key: string,
  ctx: ReconcileContext,
): Promise<Result> {
  const { reconcileTimeoutMs } = definition;
  const request = { key, ref: refOf(key), object: informer.get(key) };
  const log = ctx.log.child({ key });
  if (reconcileTimeoutMs === undefined) return await definition.reconcile(request, { ...ctx, log });
  const over = new AbortController();
  const ended = new AbortController();
  ctx.clock.sleep(reconcileTimeoutMs, ended.signal).then(
    () => over.abort(timedOut(definition.name, key, reconcileTimeoutMs)),
    () => undefined,
  );
  try {
    const deadline = ctx.clock.now() + reconcileTimeoutMs;
    const signal = AbortSignal.any([ctx.signal, over.signal]);
    return await definition.reconcile(request, { ...ctx, log, signal, deadline });
  } finally {
    ended.abort();
  }
}

function settle(queue: WorkQueue, key: string, result: Result): void {
  switch (result?.kind) {
    case "requeue":
      return queue.addRateLimited(key);
    case "requeueAfter":
      queue.forget(key);
      return queue.addAfter(key, result.ms);
    case "done":
      return queue.forget(key);
    default:
      throw new KxError("KX_CONTROLLER_RESULT", `the reconcile of ${key} returned no result`, {
        remedy: "return done, requeue() or requeueAfter(ms)",
      });
  }
}

function fail(queue: WorkQueue, key: string, error: unknown, { log, signal }: ReconcileContext): void {
  // Broken off: whoever comes next (a later term of this process, or another one) takes it up.
  if (signal.aborted) return queue.add(key);
  if (KxError.is(error) && error.code === "KX_CONTROLLER_TERMINAL") {
    log.error({ key, err: error }, "reconcile failed for good, waiting for a change");
    return queue.forget(key);
  }
  log.error({ key, err: error }, "reconcile failed, trying again");
  queue.addRateLimited(key);
}

function timedOut(controller: string, key: string, ms: number): KxError {
  return new KxError("KX_CONTROLLER_TIMEOUT", `the reconcile of ${key} by ${controller} took more than ${ms} ms`, {
    retryable: true,
  });
}
