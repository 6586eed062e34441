import { createServer, type Server, type Socket } from "node:net";
import { type Clock, type KxError, type Logger, type Runnable, systemClock } from "@kx/core";
import { listenAt } from "@kx/core/linux";
import type { Metrics } from "@kx/core/metrics";
import { startNetWorker } from "../net/net-calls.ts";
import { openRetiredDeleter } from "../net/retire-pair.ts";
import { createDecodedConfigs } from "../plugin/config.ts";
import { readCommand } from "../plugin/environment.ts";
import { createPlugins } from "../plugins.ts";
import { type CallObserver, observeCalls } from "./call-metrics.ts";
import { type Carrier, carryOut } from "./carry-out.ts";
import { type CallReceiver, serveConnection } from "./connection.ts";
import { createDeleteQueue } from "./delete-queue.ts";
import type { CniRequest } from "./frame.ts";
import { createLinkReaper } from "./link-reaper.ts";
import { defaultSocketPath, stateFolder } from "./state-folder.ts";

/** How the daemon runs. */
export interface CniDaemonOptions {
  readonly log: Logger;
  /** Default: `/run/kx/cni.sock`. Locks and kept DELs are in the folder `cni` beside it. */
  readonly socketPath?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Where timings and outcomes are shown. Default: nowhere. */
  readonly metrics?: Metrics;
  /** How long calls may still take when it is told to stop; then they are given up. Default: 10,000 ms. */
  readonly drainMs?: number;
  /**
   * Whether a DEL is answered only when its interface is gone, which takes the kernel some 15 ms, rather than when nothing
   * can use it any more. Default: false, interfaces go together within 100 ms.
   */
  readonly deleteAtOnce?: boolean;
  /** How often it looks for DELs that the shim has kept although it runs. Default: 10,000 ms. */
  readonly replayEveryMs?: number;
}

/**
 * The daemon that carries out what the shim is called for: protocol and address management in this thread, work on the
 * kernel's network in a worker. Without it the same work is done by the executed plug-ins, slower.
 */
export function createCniDaemon(options: CniDaemonOptions): Runnable {
  return { name: "cni", group: "server", start: (signal, ready) => run(options, signal, ready) };
}

async function run(options: CniDaemonOptions, signal: AbortSignal, ready: () => void): Promise<void> {
  const { log, clock = systemClock, socketPath = defaultSocketPath, drainMs = 10_000 } = options;
  await using worker = await startNetWorker();
  using deleter = openRetiredDeleter();
  const stopped = new AbortController();
  const reaper = createLinkReaper({ net: worker, deleter, log, clock, signal: stopped.signal });
  // What cannot work is not to listen. The daemon before may not have deleted all.
  await Promise.all([worker.call("nftablesProblem"), reaper.flush()]);
  const failure = Promise.withResolvers<never>();
  const plugins = createPlugins(options.deleteAtOnce === true ? { net: worker } : reaper);
  const state = stateFolder(socketPath);
  const carrier: Carrier = { plugins, state, log, clock, configs: createDecodedConfigs() };
  const observe = options.metrics === undefined ? undefined : observeCalls(options.metrics, Object.keys(plugins));
  const receiver = createReceiver(carrier, observe, failure.reject);
  const connections = createConnections(receiver);
  const server = createServer((socket) => connections.serve(socket));
  const file = await listenAt(server, socketPath);
  const replaying = replayForever(receiver, options.replayEveryMs ?? 10_000, stopped.signal);
  try {
    ready();
    await Promise.race([aborted(signal), failure.promise, replaying]);
  } finally {
    stopped.abort();
    // From here a shim finds no daemon.
    await file.remove();
    const isClosed = closed(server);
    await connections.drain(drainMs, clock);
    await Promise.allSettled([replaying, isClosed]);
    await reaper.flush();
  }
}

interface QueueingReceiver extends CallReceiver {
  readonly clock: Clock;
  readonly replay: (signal: AbortSignal) => Promise<void>;
}

function createReceiver(
  carrier: Carrier,
  observe: CallObserver | undefined,
  fail: (error: KxError) => void,
): QueueingReceiver {
  const { log, clock, state } = carrier;
  const carry = async (call: Parameters<typeof carryOut>[1]) => {
    const outcome = await carryOut(carrier, call);
    observe?.(call.request, outcome);
    if (outcome.isEased)
      log.warn({ type: call.request.type, err: outcome.error }, "not ready, told otherwise by policy");
    // Without its worker the daemon can do nothing: whoever runs it starts it anew.
    if (outcome.error?.code === "KX_LINUX_WORKER") fail(outcome.error);
    return outcome;
  };
  const queue = createDeleteQueue({
    folder: state.deletes,
    log,
    async carryOut(request) {
      const { error } = await carry({ request, signal: new AbortController().signal, deliver: async () => true });
      return error;
    },
  });
  return {
    log,
    clock,
    replay: queue.replay,
    async receive(request, signal, deliver) {
      // What was promised before must not undo what is done now.
      if (mustComeAfterDeletes(request)) await queue.replay(signal);
      return await carry({ request, signal, deliver });
    },
  };
}

function mustComeAfterDeletes({ env }: CniRequest): boolean {
  const command = readCommand(env);
  return command === "ADD" || command === "CHECK";
}

async function replayForever(
  { replay, clock }: QueueingReceiver,
  everyMs: number,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await replay(signal);
    await clock.sleep(everyMs, signal);
  }
}

interface Connections {
  serve(socket: Socket): void;
  /** Waits for the calls under way, up to a time; then they are given up, and waited for. */
  drain(ms: number, clock: Clock): Promise<void>;
}

function createConnections(receiver: CallReceiver): Connections {
  const open = new Map<Socket, Promise<void>>();
  return {
    serve(socket) {
      const over = serveConnection(socket, receiver).finally(() => open.delete(socket));
      open.set(socket, over);
    },
    async drain(ms, clock) {
      const late = new AbortController();
      const all = () => Promise.all(open.values());
      await Promise.race([all(), clock.sleep(ms, late.signal)]);
      late.abort();
      for (const socket of open.keys()) socket.destroy();
      await all();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
