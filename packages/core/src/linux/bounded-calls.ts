import { KxError } from "../error.ts";
import type { BoundedHandlers, FileSystemStat, PathStat } from "./bounded-child.ts";
import { type CallProcess, startCallProcess } from "./call-process.ts";
import type { MountRequest } from "./mount-plan.ts";
import type { MountPlace, UnmountPlace } from "./placed-mount.ts";

/** How `createBoundedCalls` bounds. */
export interface BoundedCallsOptions {
  /** How long a call may take, waiting for a process included, in milliseconds. Default: 30 s. */
  readonly deadlineMs?: number;
  /** How many calls are made at the same time, each in a process of about 45 MB. Default: 4. */
  readonly processes?: number;
  /** How long a process is kept for the next call, in milliseconds. Default: 60 s. */
  readonly idleMs?: number;
}

/** How one call is bounded. */
export interface CallOptions {
  /** Default: that of `createBoundedCalls`. */
  readonly deadlineMs?: number;
  /** Aborting it gives the call up. */
  readonly signal?: AbortSignal;
}

/** A call that was given up, whose process the kernel has not let go yet. */
export interface HungCall {
  readonly call: string;
  readonly path: string;
  readonly pid: number | undefined;
}

/**
 * Calls that may hang in the kernel, since a volume's server may not answer. They are made in child processes, so that one
 * that hangs keeps nothing else waiting. They reject with `KX_LINUX_CALL_HUNG` at the deadline (and at once for a path
 * where a call still hangs), with `KX_LINUX_SYSCALL` if they fail.
 */
export interface BoundedCalls extends AsyncDisposable {
  stat(path: string, options?: CallOptions): Promise<PathStat>;
  statfs(path: string, options?: CallOptions): Promise<FileSystemStat>;
  /** At most `maxBytes` of a file, from `offset` on. Default of that: 0. */
  read(path: string, maxBytes: number, options?: CallOptions & { readonly offset?: number }): Promise<Uint8Array>;
  mount(request: MountRequest, options?: MountPlace & CallOptions): Promise<void>;
  unmount(target: string, options?: UnmountPlace & CallOptions): Promise<void>;
  readonly hung: readonly HungCall[];
}

// Each hung process holds its memory until the kernel lets it go; more would be the next fault.
const maxHung = 16;

/** Makes a pool of processes for calls that may hang; none is started before the first call. */
export function createBoundedCalls(options: BoundedCallsOptions = {}): BoundedCalls {
  const { deadlineMs = 30_000, processes = 4, idleMs = 60_000 } = options;
  const idle: CallProcess[] = [];
  const all = new Set<CallProcess>();
  const waiting: ((process: CallProcess) => void)[] = [];
  const hung = new Map<CallProcess, HungCall>();

  const forget = (process: CallProcess): void => {
    const at = idle.indexOf(process);
    if (at >= 0) idle.splice(at, 1);
  };
  const release = (process: CallProcess): void => {
    const next = waiting.shift();
    if (next !== undefined) return next(process);
    idle.push(process);
    process.endAfter(idleMs, () => forget(process));
  };
  const start = (): CallProcess => {
    const process = startCallProcess();
    all.add(process);
    void process.ended.then(() => {
      all.delete(process);
      hung.delete(process);
      forget(process);
      refill();
    });
    return process;
  };
  /** Whoever waits gets a new process in the place of one that ended or hangs. */
  const refill = (): void => {
    while (waiting.length > 0 && all.size - hung.size < processes) waiting.shift()?.(start());
  };

  const run = async (call: keyof BoundedHandlers, path: string, args: readonly unknown[], how: CallOptions = {}) => {
    how.signal?.throwIfAborted();
    refuse(call, path, [...hung.values()]);
    const { promise: given, resolve: give } = Promise.withResolvers<CallProcess>();
    const ready = idle.pop() ?? (all.size - hung.size < processes ? start() : undefined);
    if (ready === undefined) waiting.push(give);
    else give(ready);
    let process: CallProcess | undefined;
    let isGivenUp = false;
    const work = given.then((free) => {
      if (isGivenUp) return release(free);
      process = free;
      return free.call(call, [path, ...args]);
    });
    const ms = how.deadlineMs ?? deadlineMs;
    const result = await bounded(work, ms, how.signal).catch((error: unknown) => ({ error }));
    if (process === undefined) {
      // Its turn has not come, or comes in this very moment.
      isGivenUp = true;
      const at = waiting.indexOf(give);
      if (at >= 0) waiting.splice(at, 1);
    } else if (process.isBusy) {
      hung.set(process, { call, path, pid: process.pid });
      process.kill();
      refill();
    } else if (all.has(process)) {
      release(process);
    }
    if (result === "late") throw late(call, path, ms, process);
    if (typeof result === "object" && "error" in result) throw result.error;
    return result.value;
  };

  return {
    stat: (path, how) => run("stat", path, [], how) as Promise<PathStat>,
    statfs: (path, how) => run("statfs", path, [], how) as Promise<FileSystemStat>,
    read: (path, maxBytes, { offset = 0, ...how } = {}) =>
      run("read", path, [maxBytes, offset], how) as Promise<Uint8Array>,
    mount: (request, { deadlineMs: ms, signal, ...place } = {}) =>
      run("mount", request.target, [request, place], boundsOf(ms, signal)) as Promise<void>,
    unmount: (target, { deadlineMs: ms, signal, ...place } = {}) =>
      run("unmount", target, [place], boundsOf(ms, signal)) as Promise<void>,
    get hung() {
      return [...hung.values()];
    },
    async [Symbol.asyncDispose]() {
      // What hangs was killed before, and may not end for ever.
      await Promise.all([...all].filter((process) => !hung.has(process)).map((process) => process.close()));
    },
  };
}

function boundsOf(deadlineMs: number | undefined, signal: AbortSignal | undefined): CallOptions {
  return { ...(deadlineMs === undefined ? {} : { deadlineMs }), ...(signal === undefined ? {} : { signal }) };
}

async function bounded(
  work: Promise<unknown>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly value: unknown } | "late"> {
  const { promise, resolve, reject } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), ms);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work.then((value) => ({ value })), promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function refuse(call: string, path: string, hung: readonly HungCall[]): void {
  const same = hung.find((other) => other.path === path);
  if (same === undefined && hung.length < maxHung) return;
  const reason =
    same === undefined
      ? `${call} ${path} is not made: ${hung.length} calls hang, the first at ${hung[0]?.path}`
      : `${call} ${path} is not made: ${same.call} still hangs there (pid ${same.pid ?? "unknown"})`;
  throw hungError(reason, call, path);
}

function late(call: string, path: string, ms: number, process: CallProcess | undefined): KxError {
  const seconds = ms / 1000;
  return process === undefined
    ? hungError(`${call} ${path} found no free process within ${seconds} s, as other calls hang`, call, path)
    : hungError(`${call} ${path} did not return within ${seconds} s`, call, path);
}

function hungError(reason: string, call: string, path: string): KxError {
  const remedy = "see whether the volume's server answers";
  return new KxError("KX_LINUX_CALL_HUNG", reason, { remedy, retryable: true, details: { call, path } });
}
