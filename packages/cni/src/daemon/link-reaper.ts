import { statSync } from "node:fs";
import type { Clock, Logger } from "@kx/core";
import type { BridgeDetach } from "../bridge/data-path-types.ts";
import type { NetCalls } from "../net/net-calls.ts";
import type { RetiredDeleter } from "../net/retire-pair.ts";

/** Several DELs come together: what came last is gone within 100 ms, as deleting takes 20 to 30. */
const gatherMs = 40;
const retryMs = 1_000;
const unknownNamespace = 0;

/** Deletes the interfaces of containers in batches, after their DEL was answered. */
export interface LinkReaper {
  /** Work on the kernel's network as plug-ins ask for it, with interfaces deleted later. */
  readonly net: NetCalls;
  /** Whether an address was that of an interface which is still being deleted. */
  readonly isCooling: (network: string, ip: string) => boolean;
  /** Deletes what waits for it, and what a daemon before this one has left. */
  readonly flush: () => Promise<void>;
}

/** What a reaper works with. */
export interface LinkReaperOptions {
  /** Does what must be done before an answer. */
  readonly net: NetCalls;
  readonly deleter: RetiredDeleter;
  readonly log: Logger;
  readonly clock: Clock;
  /** Aborts when nothing is to be deleted by itself any more. */
  readonly signal: AbortSignal;
}

/** An interface that is out of use and not yet gone. */
interface Retired {
  readonly namespace: number;
  readonly addresses: readonly string[];
}

/** Makes a reaper. */
export function createLinkReaper({ net, deleter, log, clock, signal }: LinkReaperOptions): LinkReaper {
  const waiting = new Set<Retired>();
  let running: Promise<void> | undefined;

  const deleteWaiting = async () => {
    const batch = [...waiting];
    await deleter.deleteAll();
    for (const one of batch) waiting.delete(one);
  };
  const flush = () => {
    running ??= deleteWaiting().finally(() => {
      running = undefined;
    });
    return running;
  };
  const flushSoon = async (ms: number): Promise<void> => {
    try {
      await clock.sleep(ms, signal);
      await flush();
      if (waiting.size > 0) void flushSoon(gatherMs);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "interfaces not deleted yet");
      void flushSoon(retryMs);
    }
  };
  const retire = async (request: BridgeDetach): Promise<void> => {
    const { owner, addresses = [] } = request;
    const keys = addresses.map((address) => keyOf(owner.network, address));
    const wait = (namespace: number) => {
      waiting.add({ namespace, addresses: keys });
      if (waiting.size === 1) void flushSoon(gatherMs);
    };
    try {
      const retired = await net.call("bridgeRetire", request);
      if (retired !== undefined) wait(retired.namespace);
    } catch (error) {
      // Something else has failed, such as a rule: the interface may wait all the same.
      wait(unknownNamespace);
      throw error;
    }
  };
  const call = async (name: string, ...args: readonly unknown[]): Promise<unknown> => {
    if (name === "bridgeDetach") return await retire(args[0] as BridgeDetach);
    // What waits there has other names already, but may not be in the way of anything.
    while (waiting.size > 0 && isAmong(waiting, args[0])) await flush();
    return await Reflect.apply(net.call, net, [name, ...args]);
  };
  return {
    net: { call: call as NetCalls["call"] },
    isCooling: (network, ip) => {
      const key = keyOf(network, ip);
      return [...waiting].some(({ addresses }) => addresses.includes(key));
    },
    flush,
  };
}

/** Whether a call is about a namespace in which something waits. */
function isAmong(waiting: ReadonlySet<Retired>, request: unknown): boolean {
  const { netns } = (request ?? {}) as { readonly netns?: unknown };
  if (typeof netns !== "string") return false;
  const inode = statSync(netns, { throwIfNoEntry: false })?.ino;
  return [...waiting].some(({ namespace }) => namespace === inode);
}

function keyOf(network: string, address: string): string {
  return `${network} ${address.replace(/\/.*/, "")}`;
}
