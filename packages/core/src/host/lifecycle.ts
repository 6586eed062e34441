import type { Clock, Logger } from "../context.ts";
import type { RunnableGroup } from "../extension.ts";
import { groups, type Part } from "./part.ts";

/** What `runParts` needs beside the parts. */
export interface LifecycleOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly readyTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

interface Run {
  readonly part: Part;
  readonly ended: Promise<void>;
  hasEnded: boolean;
}

interface Stage {
  readonly group: RunnableGroup;
  readonly stop: AbortController;
  readonly runs: readonly Run[];
}

/**
 * Starts parts group by group until `stopping` aborts, then stops them in reverse.
 *
 * @returns the names of those that did not stop in time.
 */
export async function runParts(
  parts: readonly Part[],
  options: LifecycleOptions,
  stopping: AbortSignal,
): Promise<readonly string[]> {
  const stages: Stage[] = [];
  for (const group of groups) {
    const members = parts.filter((part) => part.group === group);
    if (members.length === 0) continue;
    if (stopping.aborted) break;
    stages.push(startStage(group, members, parts));
    await untilReady(group, members, options, stopping);
  }
  if (!stopping.aborted) await new Promise((resolve) => stopping.addEventListener("abort", resolve, { once: true }));
  const unstopped: string[] = [];
  for (const stage of stages.toReversed()) unstopped.push(...(await stopStage(stage, options, stopping)));
  return unstopped;
}

function startStage(group: RunnableGroup, members: readonly Part[], all: readonly Part[]): Stage {
  const stop = new AbortController();
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  stop.signal.addEventListener("abort", () => resolve(), { once: true });
  const runs = members.map((part) => {
    const earlier = all.filter((other) => other.extension === part.extension && isBefore(other.group, group));
    const start = async () => {
      // The bound lets others go on, but no runnable ever misses what its own extension has promised it.
      await Promise.race([Promise.all(earlier.map((other) => other.ready)), stopped]);
      await part.run(stop.signal);
      run.hasEnded = true;
    };
    const run: Run = { part, ended: Promise.resolve().then(start), hasEnded: false };
    return run;
  });
  return { group, stop, runs };
}

async function untilReady(
  group: RunnableGroup,
  members: readonly Part[],
  { log, clock, readyTimeoutMs }: LifecycleOptions,
  stopping: AbortSignal,
): Promise<void> {
  const isInTime = await within(Promise.all(members.map((part) => part.ready)), readyTimeoutMs, clock, stopping);
  if (isInTime || stopping.aborted) return;
  const notReady = members.filter((part) => !part.isReady).map((part) => part.name);
  log.warn({ group, notReady, waitedMs: readyTimeoutMs }, "group not ready in time, starting the next for the others");
}

async function stopStage(
  { group, stop, runs }: Stage,
  { log, clock, stopTimeoutMs }: LifecycleOptions,
  stopping: AbortSignal,
): Promise<readonly string[]> {
  stop.abort(stopping.reason);
  await within(Promise.all(runs.map((run) => run.ended)), stopTimeoutMs, clock);
  const unstopped = runs.filter((run) => !run.hasEnded).map((run) => run.part.name);
  if (unstopped.length > 0) log.warn({ group, unstopped, waitedMs: stopTimeoutMs }, "runnables did not stop in time");
  return unstopped;
}

/** Waits for `work`, at most `ms` milliseconds and not beyond the signal; tells whether it was done. */
async function within(work: Promise<unknown>, ms: number, clock: Clock, signal?: AbortSignal): Promise<boolean> {
  const enough = new AbortController();
  const signals = signal === undefined ? [enough.signal] : [enough.signal, signal];
  const bound = clock.sleep(ms, AbortSignal.any(signals)).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([work.then(() => true), bound]);
  } finally {
    enough.abort();
  }
}

function isBefore(a: RunnableGroup, b: RunnableGroup): boolean {
  return groups.indexOf(a) < groups.indexOf(b);
}
