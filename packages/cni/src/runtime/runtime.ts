import { join } from "node:path";
import { type Clock, systemClock } from "@kx/core";
import type { Attachment } from "@kx/core/contracts/cni";
import type { CniResult } from "../plugin/cni-plugin.ts";
import type { Environment } from "../plugin/environment.ts";
import { given } from "../plugin/given.ts";
import { type AttachmentTarget, checkTarget } from "./attachment.ts";
import { type CachedAttachment, createAttachmentCache } from "./cache.ts";
import { type Invoker, invokeVersion } from "./invoke.ts";
import { createRuntimeLocks } from "./locks.ts";
import type { Network } from "./network.ts";
import { add, check, del, gc, type Operation, status, validate } from "./operations.ts";

/** How `createCniRuntime` calls plug-ins. */
export interface CniRuntimeOptions {
  /** Folders of plug-ins: CNI_PATH. */
  readonly path: readonly string[];
  /** Where attachments are remembered. Default: libcni's `/var/lib/cni`. */
  readonly cacheDir?: string;
  /** What plug-ins get beside the variables of CNI. Default: the process's. */
  readonly env?: Environment;
  /** How long one plug-in may take, in milliseconds, until it is killed. Default: without bound. */
  readonly timeoutMs?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Gets what plug-ins write to standard error. Default: nobody. */
  readonly onStderr?: (text: string, type: string) => void;
}

/** Options of one operation. */
export interface OperationOptions {
  /** Gives the operation up and kills the plug-in that runs. */
  readonly signal?: AbortSignal;
}

/**
 * The runtime's side of CNI. Every operation may throw what a plug-in printed: a KxError whose `details.cniCode` is its
 * number. Operations on one container run one after another and GC alone, also among processes with the same `cacheDir`.
 */
export interface CniRuntime {
  /**
   * Runs the plug-ins in order, each with the result of the one before, and remembers the last. After a failure, the caller
   * calls `del`.
   */
  add(network: Network, target: AttachmentTarget, options?: OperationOptions): Promise<CniResult>;
  /** Succeeds without calling anything if the network has `disableCheck`. */
  check(network: Network, target: AttachmentTarget, options?: OperationOptions): Promise<void>;
  /** Runs the plug-ins in reverse, then forgets the attachment. */
  del(network: Network, target: AttachmentTarget, options?: OperationOptions): Promise<void>;
  /**
   * Takes away what is not in use any more: DEL for each attachment that is remembered, then GC of each plug-in. Goes on
   * after failures and tells all of them.
   *
   * @param valid - what is in use. Without it, nothing goes whose namespace is still there.
   */
  gc(network: Network, valid?: readonly Attachment[], options?: OperationOptions): Promise<void>;
  /** Throws the first error of a plug-in: an ADD would fail. */
  status(network: Network, options?: OperationOptions): Promise<void>;
  /** The versions that a plug-in supports. */
  version(type: string, options?: OperationOptions): Promise<readonly string[]>;
  /** Checks that every plug-in is there and supports the network's version. Gives the capabilities that it declares. */
  validate(network: Network, options?: OperationOptions): Promise<readonly string[]>;
  /** What is remembered of ADDs, of every network. */
  attachments(): Promise<readonly CachedAttachment[]>;
}

/** Makes a runtime. Does nothing yet. */
export function createCniRuntime(options: CniRuntimeOptions): CniRuntime {
  const { cacheDir = "/var/lib/cni", clock = systemClock, env = process.env } = options;
  const invoker: Invoker = { ...options, env, clock };
  const cache = createAttachmentCache(cacheDir);
  const locks = createRuntimeLocks(join(cacheDir, "kx-locks"), clock);
  const operation = (network: Network, { signal }: OperationOptions = {}): Operation => {
    return { invoker, cache, network, ...given({ signal }) };
  };
  const forTarget = async <T>(target: AttachmentTarget, signal: AbortSignal | undefined, work: () => Promise<T>) => {
    checkTarget(target);
    return await locks.forContainer(target.containerId, signal, work);
  };
  return {
    add: (network, target, asked) => forTarget(target, asked?.signal, () => add(operation(network, asked), target)),
    check: (network, target, asked) => forTarget(target, asked?.signal, () => check(operation(network, asked), target)),
    del: (network, target, asked) => forTarget(target, asked?.signal, () => del(operation(network, asked), target)),
    async gc(network, valid, asked) {
      if (!network.disableGC) await locks.alone(asked?.signal, () => gc(operation(network, asked), valid));
    },
    status: (network, asked) => status(operation(network, asked)),
    version: (type, asked) => invokeVersion(invoker, type, asked?.signal),
    validate: (network, asked) => validate(operation(network, asked)),
    attachments: () => cache.list(),
  };
}
