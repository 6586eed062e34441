import { stat } from "node:fs/promises";
import { loadLinux, startWorkerCalls, type WorkerCalls } from "@kx/core/linux";
import { type NetHandlers, netHandlers } from "./handlers.ts";

/** How to have work on the kernel's network done. */
export type NetCalls = Pick<WorkerCalls<NetHandlers>, "call">;

/** Does the work in this thread: only for a program that does one thing and ends, such as an executed plug-in. */
export function directNet(): NetCalls {
  return {
    async call(name, ...args) {
      await startPool();
      // Each name goes with its own arguments and result, which TypeScript cannot follow through a table.
      return Reflect.apply(netHandlers[name], undefined, args);
    },
  };
}

/** Starts the worker that does the work, one call after another, and nothing else. It keeps no process alive. */
export async function startNetWorker(): Promise<NetCalls & AsyncDisposable> {
  loadLinux();
  await startPool();
  return startWorkerCalls<NetHandlers>(workerEntry(import.meta.url));
}

/**
 * Node starts the threads of its pool at the first use, in the network namespace that the caller is in at that moment, where
 * they stay. That must never be a container's.
 */
async function startPool(): Promise<void> {
  await stat("/");
}

/** The worker's file: it stands at the same place below `src` and `dist`, or beside a bundle of all. */
function workerEntry(importer: string): URL {
  const extension = importer.endsWith(".ts") ? "ts" : "js";
  const top = /^.*\/(?:src|dist)\//.exec(importer)?.[0];
  return top === undefined ? new URL(`worker.${extension}`, importer) : new URL(`net/worker.${extension}`, top);
}
