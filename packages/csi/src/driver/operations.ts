import type { Clock, KxError } from "@kx/core";
import type { CallContext } from "@kx/core/grpc";
import type { Counter } from "@kx/core/metrics";
import { csiError } from "./csi-error.ts";
import { createKeyedLocks, type LockKey } from "./keyed-locks.ts";

/** One call that is to be at work alone on what it names. */
export interface Operation {
  readonly ctx: Pick<CallContext, "method" | "callSignal" | "deadline">;
  readonly keys: readonly LockKey[];
  /** Equal for calls that ask for the same. */
  readonly digest: string;
}

/** Keeps calls apart that concern the same thing, and brings a call whose caller gave up together with its retry. */
export interface Operations {
  /**
   * Does the work while its keys are held. Where the very same call is at work for a caller that has gone, or has ended after
   * its caller had gone, gives that call's outcome instead.
   *
   * @throws KxError `KX_CSI_BUSY` where another call holds a key.
   */
  run<T extends object>(operation: Operation, work: () => Promise<T>): Promise<T>;
  /** Calls at work. */
  readonly running: number;
}

interface Running {
  caller: Operation["ctx"];
  readonly outcome: Promise<object>;
}

interface Finished {
  readonly outcome: Promise<object>;
  readonly atMs: number;
  readonly keys: readonly LockKey[];
}

/** A caller whose deadline is as near may not have got its answer any more. */
const marginMs = 1000;
/** Retries come after seconds, at most some minutes; then the outcome no longer tells what is true. */
const keepMs = 10 * 60_000;
const maxKept = 1000;

/** Makes the table of one process's calls. */
export function createOperations(clock: Clock, conflicts?: Counter<"method_name">): Operations {
  const locks = createKeyedLocks();
  const running = new Map<string, Running>();
  const finished = new Map<string, Finished>();

  const forgetTouched = ({ ctx, keys }: Operation): void => {
    // What a Delete names by its id was created under a name: which one, only the driver knows.
    if (ctx.method.includes("/Delete")) finished.clear();
    const touched = new Set(keys.map(({ key }) => key));
    for (const [id, { keys: own, atMs }] of finished) {
      const isStale =
        clock.now() - atMs > keepMs || own.some(({ key, isShared }) => isShared !== true && touched.has(key));
      if (isStale) finished.delete(id);
    }
  };

  const begin = <T extends object>(id: string, operation: Operation, work: () => Promise<T>): Promise<T> => {
    const taken = locks.take(operation.keys);
    if ("heldKey" in taken) {
      conflicts?.inc(1, { method_name: operation.ctx.method });
      throw busy(taken.heldKey);
    }
    forgetTouched(operation);
    const outcome = (async () => await work())();
    const entry: Running = { caller: operation.ctx, outcome };
    running.set(id, entry);
    const end = (): void => {
      taken.release();
      running.delete(id);
      if (!hasLeft(entry.caller, clock.now() + marginMs)) return;
      if (finished.size >= maxKept) finished.delete(finished.keys().next().value ?? "");
      finished.set(id, { outcome, atMs: clock.now(), keys: operation.keys });
    };
    // Before anybody who waits for the outcome learns it, so that the next call finds the keys free.
    return outcome.finally(end);
  };

  return {
    async run<T extends object>(operation: Operation, work: () => Promise<T>): Promise<T> {
      const id = `${operation.ctx.method} ${operation.digest}`;
      const same = running.get(id);
      if (same !== undefined && hasLeft(same.caller, clock.now() + marginMs)) {
        same.caller = operation.ctx;
        // The same call of the same method gives the same type.
        return same.outcome as Promise<T>;
      }
      const done = finished.get(id);
      if (done !== undefined) {
        finished.delete(id);
        if (clock.now() - done.atMs <= keepMs) return done.outcome as Promise<T>;
      }
      return await begin(id, operation, work);
    },
    get running() {
      return running.size;
    },
  };
}

function hasLeft({ callSignal, deadline = Number.POSITIVE_INFINITY }: Operation["ctx"], nowMs: number): boolean {
  return callSignal.aborted || nowMs >= deadline;
}

function busy(key: string): KxError {
  const [what, ...id] = key.split(":");
  return csiError("BUSY", `another call for ${what} ${JSON.stringify(id.join(":"))} is at work`, { retryable: true });
}
