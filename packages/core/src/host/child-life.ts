import type { Clock, Logger } from "../context.ts";
import { KxError } from "../error.ts";
import { type ChildCgroup, createChildCgroup } from "./child-cgroup.ts";
import { type Child, describeExit, type Exit, rssBytesOf, spawnChild } from "./child-process.ts";
import { beatMs, type FailureMessage, type FromChild, type LoadMessage } from "./child-protocol.ts";
import { failure } from "./load-extension.ts";

/** What a child process is to be. */
export interface ChildSpec {
  /** The extension's name, or its package's while that is not known. */
  readonly name: string;
  readonly command: { readonly file: string; readonly args: readonly string[] };
  readonly load: LoadMessage;
  readonly startTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

/** Around one life of a child process. */
export interface ChildLifeOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** Aborting it asks the process to stop. Default: it ends when it is done. */
  readonly signal?: AbortSignal;
  readonly onStarted?: (child: Child) => void;
  readonly onMessage: (message: FromChild) => void;
}

/**
 * Runs a child process until it ends. It is killed if it does not load, stop or give a sign of life in time, or holds more
 * memory than its limit.
 *
 * @throws KxError that tells how it ended, unless it did as asked.
 */
export async function liveChild(spec: ChildSpec, options: ChildLifeOptions): Promise<void> {
  const { log, clock, signal } = options;
  signal?.throwIfAborted();
  const cgroup = openCgroup(spec);
  const oomKillsBefore = cgroup?.oomKills() ?? 0;
  const over = new AbortController();
  const loading = new AbortController();
  const seen: Seen = { isUp: false, missedBeats: 0, toldRssBytes: undefined, failed: undefined, killed: undefined };
  const child = spawnChild(spec.command, log, (message) => {
    note(message, seen);
    if (message.type === "loaded") loading.abort();
    options.onMessage(message);
  });
  const kill = (why: KxError) => {
    seen.killed ??= why;
    child.kill();
  };
  const stop = () => {
    // Another replica may lead by the time it would have drained.
    if (hasLostLead(signal)) return child.kill();
    child.send({ type: "stop" });
    void bound(spec.stopTimeoutMs, clock, over.signal, () => kill(tooSlowToStop(spec, child)));
  };
  try {
    if (child.pid !== undefined) join(cgroup, child, spec);
    options.onStarted?.(child);
    // Only now does the extension's code run: within its cgroup.
    child.send(spec.load);
    const started = AbortSignal.any([over.signal, loading.signal]);
    void bound(spec.startTimeoutMs, clock, started, () => kill(tooSlowToLoad(spec)));
    void watch(spec, { child, seen, clock, loading: loading.signal, over: over.signal, kill });
    signal?.addEventListener("abort", stop, { once: true });
    const exit = await child.ended;
    if (hasLostLead(signal)) return;
    const isOutOfMemory = (cgroup?.oomKills() ?? 0) > oomKillsBefore;
    const error = failureOf(spec, { exit, seen, pid: child.pid, isOutOfMemory, wasAsked: signal?.aborted ?? true });
    if (error !== undefined) throw error;
  } finally {
    over.abort();
    signal?.removeEventListener("abort", stop);
    child.kill();
    cgroup?.remove();
  }
}

/** Whether an extension is to end as its host no longer leads: that is told by the reason of its signal. */
function hasLostLead(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && KxError.is(signal.reason) && signal.reason.code === "KX_LEADER_LOST";
}

interface Seen {
  isUp: boolean;
  missedBeats: number;
  toldRssBytes: number | undefined;
  failed: FailureMessage | undefined;
  killed: KxError | undefined;
}

function note(message: FromChild, seen: Seen): void {
  seen.isUp = true;
  seen.missedBeats = 0;
  if (message.type === "beat") seen.toldRssBytes = message.rssBytes;
  if (message.type === "failed") seen.failed = message.error;
}

interface Watched {
  readonly child: Child;
  readonly seen: Seen;
  readonly clock: Clock;
  readonly loading: AbortSignal;
  readonly over: AbortSignal;
  readonly kill: (why: KxError) => void;
}

async function watch(spec: ChildSpec, { child, seen, clock, loading, over, kill }: Watched): Promise<void> {
  const { memoryLimitBytes = Infinity } = spec.load.entry.process ?? {};
  for (;;) {
    await clock.sleep(beatMs, over).catch(() => undefined);
    if (over.aborted) return;
    const rssBytes = (child.pid === undefined ? undefined : rssBytesOf(child.pid)) ?? seen.toldRssBytes ?? 0;
    if (rssBytes > memoryLimitBytes) kill(tooLarge(spec, child.pid, `held ${mebibytes(rssBytes)}`));
    // Turns of this loop are counted, not time: were the host itself blocked, beats would lie unread.
    if (loading.aborted && ++seen.missedBeats * beatMs >= spec.heartbeatTimeoutMs) kill(unresponsive(spec, child.pid));
  }
}

async function bound(ms: number, clock: Clock, signal: AbortSignal, act: () => void): Promise<void> {
  await clock.sleep(ms, signal).catch(() => undefined);
  if (!signal.aborted) act();
}

function openCgroup({ name, load }: ChildSpec): ChildCgroup | undefined {
  const { cgroup, memoryLimitBytes } = load.entry.process ?? {};
  if (cgroup === undefined) return undefined;
  try {
    return createChildCgroup(cgroup, load.run === undefined ? `trial-${name}` : name, { memoryLimitBytes });
  } catch (cause) {
    throw noCgroup(load, cgroup, cause);
  }
}

function join(cgroup: ChildCgroup | undefined, child: Child, { load }: ChildSpec): void {
  try {
    if (child.pid !== undefined) cgroup?.add(child.pid);
  } catch (cause) {
    throw noCgroup(load, load.entry.process?.cgroup ?? "", cause);
  }
}

function noCgroup({ entry }: LoadMessage, path: string, cause: unknown): KxError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const remedy = "name a folder below /sys/fs/cgroup that the host may write and that has the memory controller";
  return failure("ISOLATION", entry, `process.cgroup ${path} cannot be used: ${why}`, remedy, cause);
}

interface End {
  readonly exit: Exit;
  readonly seen: Seen;
  readonly pid: number | undefined;
  readonly isOutOfMemory: boolean;
  /** Whether the process was to end. */
  readonly wasAsked: boolean;
}

function failureOf(spec: ChildSpec, { exit, seen, pid, isOutOfMemory, wasAsked }: End): KxError | undefined {
  const { entry, run } = spec.load;
  const how = describeExit(exit);
  if (seen.killed !== undefined) return seen.killed;
  if (exit.isOutOfHeap && exit.signal === "SIGABRT" && entry.process?.memoryLimitBytes !== undefined) {
    return tooLarge(spec, pid, "filled its heap");
  }
  if (isOutOfMemory) return tooLarge(spec, pid, "reached the limit of its cgroup");
  if (seen.failed !== undefined) {
    const { code, reason, remedy, details } = seen.failed;
    return new KxError(code, reason, { details, ...(remedy === undefined ? {} : { remedy }) });
  }
  if (!seen.isUp) return failure("ISOLATION", entry, `its process ${how}`, "correct its `process` settings");
  if (wasAsked && exit.code === 0) return undefined;
  if (run === undefined)
    return failure("IMPORT", entry, `its process ${how}`, "see what the package does when imported");
  const details = { pid, exitCode: exit.code, signal: exit.signal };
  return new KxError("KX_HOST_PROCESS_ENDED", `the process of ${who(spec, pid)} ${how}`, { details });
}

function unresponsive(spec: ChildSpec, pid: number | undefined): KxError {
  const seconds = spec.heartbeatTimeoutMs / 1000;
  const reason = `the process of ${who(spec, pid)} gave no sign of life for ${seconds} s and was killed`;
  return new KxError("KX_HOST_PROCESS_BLOCKED", reason, {
    remedy: "find what blocks its event loop",
    details: { pid },
  });
}

function tooLarge(spec: ChildSpec, pid: number | undefined, what: string): KxError {
  const { memoryLimitBytes = 0 } = spec.load.entry.process ?? {};
  const reason = `the process of ${who(spec, pid)} ${what}, its memory limit is ${mebibytes(memoryLimitBytes)}; it was killed`;
  const remedy = `raise ${spec.load.entry.at}.process.memoryLimitBytes, or find the leak`;
  return new KxError("KX_HOST_PROCESS_MEMORY", reason, { remedy, details: { pid, memoryLimitBytes } });
}

function tooSlowToStop(spec: ChildSpec, { pid }: Child): KxError {
  const reason = `the process of ${who(spec, pid)} did not stop within ${spec.stopTimeoutMs / 1000} s and was killed`;
  return new KxError("KX_HOST_PROCESS_DRAIN", reason, { details: { pid } });
}

function tooSlowToLoad({ load, startTimeoutMs }: ChildSpec): KxError {
  const remedy = "let the package do its work in its runnables, not when imported";
  return failure("IMPORT", load.entry, `loading it took more than ${startTimeoutMs / 1000} s`, remedy);
}

function who({ name }: ChildSpec, pid: number | undefined): string {
  return `${name} (pid ${pid ?? "unknown"})`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
