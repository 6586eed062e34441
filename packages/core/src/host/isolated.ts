import { fileURLToPath } from "node:url";
import { systemClock } from "../clock.ts";
import type { HostEnv, KubeObject, RenderEnv, RunnableGroup } from "../extension.ts";
import type { LogLevel } from "../log/levels.ts";
import { processEntry } from "../process-entry.ts";
import type { BackoffOptions } from "./backoff.ts";
import { childCommand, inspectMachine } from "./child-command.ts";
import { type ChildSpec, liveChild } from "./child-life.ts";
import { askForMetrics } from "./child-metrics.ts";
import type { LoadedMessage } from "./child-protocol.ts";
import {
  type ChildState,
  childState,
  type Entry,
  type HostedExtension,
  type ProcessRunnable,
  type RunnableStatus,
} from "./hosted-extension.ts";
import { failure } from "./load-extension.ts";
import { silentLogger } from "./silent-logger.ts";

/** How extensions run in processes of their own. */
export interface IsolationOptions {
  /**
   * File that their processes run with `isolatedChildArgument`, and that calls `runIsolatedChild` then: for a host that is
   * bundled into one file. Default: this package's own.
   */
  readonly entry?: string;
  /** Least important level that their processes log. Default: `info`. */
  readonly logLevel?: LogLevel;
  /** How long a process may take until its extension is created, in milliseconds. Default: 60 s. */
  readonly startTimeoutMs?: number;
  /** A process whose event loop is blocked for longer is killed, in milliseconds. Default: 15 s. */
  readonly heartbeatTimeoutMs?: number;
  /** How long a process may take to stop before it is killed, in milliseconds; less than the host's own. Default: 8 s. */
  readonly stopTimeoutMs?: number;
  /** Waits between the restarts of a runnable within a process. Default: as of a host. */
  readonly backoff?: Omit<BackoffOptions, "random">;
}

/**
 * Tries an extension in a process that ends again, so that faults in its configuration are told now.
 *
 * @returns the extension, whose only runnable here is its process.
 */
export async function loadIsolated(
  entry: Entry,
  resolveFrom: readonly string[],
  options: IsolationOptions,
): Promise<HostedExtension> {
  const { logLevel = "info", startTimeoutMs = 60_000, heartbeatTimeoutMs = 15_000, stopTimeoutMs = 8000 } = options;
  const { entry: file = fileURLToPath(processEntry("host/child", import.meta.url)) } = options;
  const program = { execPath: process.execPath, execArgv: process.execArgv, entry: file };
  const command = childCommand(program, entry.process ?? {}, await inspectMachine());
  if ("reason" in command) throw failure("ISOLATION", entry, command.reason, command.remedy);
  const load = { type: "load", entry, resolveFrom, logLevel } as const;
  const spec: ChildSpec = { name: entry.package, command, load, startTimeoutMs, heartbeatTimeoutMs, stopTimeoutMs };
  const loaded = await tryOut(spec);
  const { name, version } = loaded;
  // What a child says was checked there against the same type.
  const kind = loaded.kind as HostedExtension["kind"];
  const run = ({ role, nodeName, kubeconfig, metrics }: HostEnv) => {
    const { backoff } = options;
    return {
      role,
      nodeName,
      kubeconfig,
      stopTimeoutMs: stopTimeoutMs / 2,
      isMeasured: metrics !== undefined,
      ...(backoff === undefined ? {} : { backoff }),
    };
  };
  const parts = (env: HostEnv) => {
    const group = groupOf(kind, env);
    return [{ ...processRunnable({ ...spec, name, load: { ...load, run: run(env) } }, env), group }];
  };
  const manifests = async (render: RenderEnv): Promise<readonly KubeObject[]> =>
    (await tryOut({ ...spec, name, load: { ...load, render } })).manifests ?? [];
  return { kind, name, version, isolation: "process", parts, manifests };
}

/** Lets a process load the extension, and end. */
async function tryOut(spec: ChildSpec): Promise<LoadedMessage> {
  let loaded: LoadedMessage | undefined;
  await liveChild(spec, {
    log: silentLogger,
    clock: systemClock,
    onMessage: (message) => {
      if (message.type === "loaded") loaded = message;
    },
  });
  if (loaded !== undefined) return loaded;
  throw failure("IMPORT", spec.load.entry, "its process ended before it was loaded", "see its output");
}

/**
 * What a process changes beside the control plane, only the leader may: where leaders are elected, those who stand by have
 * none. A webhook answers in every replica.
 */
function groupOf(kind: HostedExtension["kind"], { role }: HostEnv): RunnableGroup {
  return role === "controller" && kind !== "webhook" ? "leader" : "worker";
}

/** The runnable whose lives are processes. */
function processRunnable(spec: ChildSpec, { log, clock }: HostEnv): ProcessRunnable {
  let pid: number | undefined;
  let rssBytes: number | undefined;
  let runnables: readonly RunnableStatus[] = [];
  const measured = askForMetrics(clock);
  const child: ChildState = {
    metrics: measured.ask,
    get pid() {
      return pid;
    },
    get rssBytes() {
      return rssBytes;
    },
    get runnables() {
      return runnables;
    },
  };
  const start = async (signal: AbortSignal, ready: () => void): Promise<void> => {
    try {
      await liveChild(spec, {
        log,
        clock,
        signal,
        onStarted: (started) => {
          pid = started.pid;
          measured.from(started);
        },
        onMessage: (message) => {
          if (message.type === "ready") ready();
          if (message.type === "beat") ({ rssBytes, runnables } = message);
          if (message.type === "metrics") measured.answer(message.families);
        },
      });
    } finally {
      pid = undefined;
      rssBytes = undefined;
      runnables = [];
      measured.from(undefined);
    }
  };
  return { name: "process", start, [childState]: child };
}
