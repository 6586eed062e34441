import type { Clock, Logger } from "../context.ts";
import { KxError } from "../error.ts";
import type { Runnable, RunnableGroup } from "../extension.ts";
import { redactText } from "../redact.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { type ChildState, childState, type ProcessRunnable, type RunnableStatus } from "./hosted-extension.ts";

/** The groups in their order. */
export const groups: readonly RunnableGroup[] = ["health", "server", "cache", "worker", "leader"];

/** A runnable in the host's care: it is started again after each failure, until its signal aborts. */
export interface Part {
  /** `<extension>/<runnable>`. */
  readonly name: string;
  readonly extension: string;
  readonly group: RunnableGroup;
  /** Whether it serves now. */
  readonly isReady: boolean;
  /** The runnables that do not serve now: this one, or those of its process. */
  readonly notReady: readonly string[];
  readonly status: RunnableStatus;
  /** Of a runnable that stands for a process. */
  readonly child: ChildState | undefined;
  /** Resolves when it has become ready for the first time; never, if it never does. */
  readonly ready: Promise<void>;
  /** Runs the runnable until `signal` aborts and it has returned. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What `createPart` needs beside the runnable. */
export interface PartOptions {
  readonly extension: string;
  readonly runnable: Runnable;
  /** The extension's logger. */
  readonly log: Logger;
  readonly clock: Clock;
  readonly backoff?: BackoffOptions;
}

/** Ran for so long: what failed before is forgotten. */
const stableMs = 60_000;

/** Makes a part of a runnable; nothing runs yet. */
export function createPart({ extension, runnable, clock, backoff, ...options }: PartOptions): Part {
  const name = `${extension}/${runnable.name}`;
  const log = options.log.child({ runnable: runnable.name });
  const { promise: ready, resolve: becomeReady } = Promise.withResolvers<void>();
  const child = childState in runnable ? (runnable as ProcessRunnable)[childState] : undefined;
  let isReady = false;
  let restarts = -1;
  let lastFailure: string | undefined;

  /** One life of the runnable: resolves with its failure, or with undefined if it stopped as it was asked to. */
  const live = async (signal: AbortSignal): Promise<unknown> => {
    // What a failed life left behind is told to end, also while the host goes on.
    const life = new AbortController();
    const end = () => life.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      await runnable.start(life.signal, () => {
        if (isReady || life.signal.aborted) return;
        isReady = true;
        log.info({}, "runnable ready");
        becomeReady();
      });
      if (signal.aborted) return undefined;
      return new KxError("KX_HOST_RUNNABLE_RETURNED", `${name} returned before it was asked to stop`);
    } catch (error) {
      if (!signal.aborted) return error ?? new KxError("KX_CORE_UNEXPECTED", `${name} threw ${String(error)}`);
      // Many throw the signal's reason to unwind; only what is not that is worth a line.
      if (!isAbort(error, signal)) log.warn({ err: error }, "runnable failed while it stopped");
      return undefined;
    } finally {
      isReady = false;
      signal.removeEventListener("abort", end);
      life.abort(signal.reason);
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.now();
      restarts += 1;
      const failure = await live(signal);
      if (failure === undefined) return;
      failures = clock.now() - startedMs >= stableMs ? 1 : failures + 1;
      lastFailure = redactText(KxError.from(failure).message);
      const restartInMs = Math.round(backoffMs(failures, backoff));
      log.error({ err: failure, failures, restartInMs }, "runnable failed");
      // Only the signal ends a sleep early, and the loop's condition sees that.
      await clock.sleep(restartInMs, signal).catch(() => undefined);
    }
  };

  return {
    name,
    extension,
    group: runnable.group ?? "worker",
    get isReady() {
      return isReady;
    },
    get notReady() {
      const inner = child?.runnables ?? [];
      return isReady ? inner.filter((one) => !one.isReady).map((one) => one.name) : [name];
    },
    get status() {
      const group = runnable.group ?? "worker";
      const failed = lastFailure === undefined ? {} : { lastFailure };
      return { name, group, isReady, restarts: Math.max(0, restarts), ...failed };
    },
    child,
    ready,
    run,
  };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}
