import { systemClock } from "../clock.ts";
import { KxError } from "../error.ts";
import type { Extension } from "../extension.ts";
import { createLogger } from "../log/logger.ts";
import { createMetrics } from "../metrics/create-metrics.ts";
import { beatMs, type FromChild, isMessage, type LoadMessage, packFamilies, type ToChild } from "./child-protocol.ts";
import { type ExtensionImports, loadExtension } from "./load-extension.ts";
import { type Running, runHost } from "./run-host.ts";

/** The argument by which a program that is a host and its children in one file is told to be a child. */
export const isolatedChildArgument = "isolated-child";

const stopping = new AbortController();
let running: Running | undefined;

function tell(message: FromChild): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
  else resolve();
  return promise;
}

function beat(): void {
  void tell({ type: "beat", rssBytes: process.memoryUsage.rss(), runnables: running?.status()[0]?.runnables ?? [] });
}

async function measure(): Promise<void> {
  await tell({ type: "metrics", families: packFamilies((await running?.metrics()) ?? []) });
}

async function load(message: LoadMessage, modules: ExtensionImports): Promise<void> {
  const log = createLogger({ level: message.logLevel, format: "json" });
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "uncaught error, the process ends");
    process.exit(1);
  });
  try {
    const extension = await loadExtension(message.entry, message.resolveFrom, modules);
    const { name, version, kind } = extension;
    const manifests = message.render === undefined ? {} : { manifests: extension.manifests(message.render) };
    await tell({ type: "loaded", name, version, kind, ...manifests });
    if (message.run !== undefined) await run(extension, message.run, log);
  } catch (error) {
    const { code, reason, remedy, details } = KxError.from(error);
    await tell({ type: "failed", error: { code, reason, remedy, details } });
    process.exit(1);
  }
  process.exit(0);
}

async function run(
  extension: Extension,
  { role, nodeName, kubeconfig, stopTimeoutMs, isMeasured, backoff = {} }: NonNullable<LoadMessage["run"]>,
  log: ReturnType<typeof createLogger>,
): Promise<void> {
  const { signal } = stopping;
  const extensions = [extension];
  const metrics = isMeasured ? { metrics: await createMetrics({ process: true }) } : {};
  const given = { role, extensions, log, clock: systemClock, signal, nodeName, kubeconfig, ...metrics };
  running = await runHost({ ...given, stopTimeoutMs, backoff });
  void running.ready.then(() => {
    beat();
    return tell({ type: "ready" });
  });
  await running.done;
}

const stop = () => {
  // Asked to stop before there was anything to stop.
  if (running === undefined) process.exit(0);
  stopping.abort();
};

/**
 * Makes this process that of an isolated extension: a host of one, steered over the channel to its parent. For programs
 * that are bundled into one file, when `isolatedChildArgument` is their first argument.
 *
 * @param modules - what `loadExtensions` of the host is given under that name.
 */
export function runIsolatedChild(modules: ExtensionImports = {}): void {
  process.on("message", (message) => {
    if (!isMessage<ToChild>(message, ["load", "stop", "metrics"])) return;
    if (message.type === "stop") stop();
    else if (message.type === "metrics") void measure();
    else void load(message, modules);
  });
  process.on("SIGTERM", stop);
  // The host is gone; where the system could tie this process to it, this line is not reached.
  process.on("disconnect", () => process.exit(1));

  void tell({ type: "up" });
  setInterval(beat, beatMs);
}
