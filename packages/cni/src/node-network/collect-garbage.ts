import { KxError, type Logger } from "@kx/core";
import { PodSandboxState, RuntimeService } from "@kx/core/contracts/cri";
import { createGrpcClient } from "@kx/core/grpc";
import { isNamespace } from "../plugin/netns.ts";
import { configFor, type Invoker, invoke } from "../runtime/invoke.ts";
import { parseNetwork } from "../runtime/network.ts";
import type { CniRuntime } from "../runtime/runtime.ts";
import { conflistFile } from "./conflist-file.ts";
import { type Look, planCollect } from "./plan-collect.ts";
import { conflistName } from "./plan-conflist.ts";
import type { NodeNetworkSettings } from "./settings.ts";

/** What a look came to. */
export interface Collected {
  /** How many attachments were taken away. */
  readonly removed: number;
  /** How many may be, if the next look finds them out of use too. */
  readonly suspects: number;
}

/** Removes what no pod uses any more: container runtimes never ask plug-ins for that. */
export interface GarbageCollector {
  /**
   * Looks once.
   *
   * @throws KxError `KX_CNI_GC` that tells all failures, after everything was tried.
   */
  collect(signal: AbortSignal): Promise<Collected>;
}

/** What a collector needs. */
export interface GarbageCollectorOptions {
  readonly settings: NodeNetworkSettings;
  readonly runtime: CniRuntime;
  readonly invoker: Invoker;
  readonly log: Logger;
}

const criTimeoutMs = 10_000;

export function createGarbageCollector({ settings, runtime, invoker, log }: GarbageCollectorOptions): GarbageCollector {
  let suspects: ReadonlySet<string> = new Set();
  const look = async (signal: AbortSignal): Promise<Look> => {
    // What is attached is read before what runs: who comes in between is in no danger.
    const remembered = (await runtime.attachments()).filter(({ networkName, netns }) => {
      return networkName === settings.network || isOfPod(netns);
    });
    const sandboxes = await listSandboxes(settings.criSocket, signal);
    const attachments = remembered.map(({ networkName, containerId, ifName, netns, config }) => {
      return { networkName, containerId, ifName, config, hasNamespace: netns !== undefined && isNamespace(netns) };
    });
    return { attachments, sandboxes };
  };
  return {
    async collect(signal) {
      const plan = planCollect(await look(signal), suspects);
      if (!plan.isSighted) {
        throw new KxError("KX_CNI_GC", "this process sees no network namespaces, although pods run", {
          remedy: "mount /run/netns into the agent's pod with mountPropagation HostToContainer",
        });
      }
      suspects = plan.suspects;
      const failures: KxError[] = [];
      const tolerate = (work: Promise<unknown>) =>
        work.catch((error: unknown) => void failures.push(KxError.from(error)));
      const text = await conflistFile(settings.confDir, conflistName(settings.network)).read();
      // Without a configuration nothing can have been attached since the last uninstallation.
      if (text === undefined) return { removed: 0, suspects: 0 };
      for (const { networkName, containerId, ifName, config } of plan.stale) {
        log.info({ network: networkName, containerId, ifName }, "attachment removed, as its pod is gone");
        // By what it was made with, which may be another network's plug-ins that the runtime calls no more.
        const made = parseNetwork(config);
        await tolerate(made.then((network) => runtime.del(network, { containerId, ifName }, { signal })));
      }
      const network = await parseNetwork(text);
      // Without a list, which would be out of date for pods that are just being made: plug-ins then remove only what has
      // lost its namespace.
      for (const plugin of network.plugins) {
        const config = configFor(network, plugin, {});
        await tolerate(invoke(invoker, { command: "GC", type: plugin.type, config, signal }));
      }
      if (failures.length > 0) throw new KxError("KX_CNI_GC", failures.map(({ reason }) => reason).join("; "));
      return { removed: plan.stale.length, suspects: plan.suspects.size - plan.stale.length };
    },
  };
}

/**
 * Whether a namespace is where container runtimes keep those of pods. Attachments of networks that were here before count
 * too: runtimes call the plug-ins of their present configuration alone.
 */
function isOfPod(netns: string | undefined): boolean {
  return netns !== undefined && /^(\/var)?\/run\/netns\/[^/]+$/.test(netns);
}

async function listSandboxes(path: string, signal: AbortSignal): Promise<Look["sandboxes"]> {
  await using client = createGrpcClient(RuntimeService, { path });
  const { items } = await client.calls.listPodSandbox({}, { timeoutMs: criTimeoutMs, signal, waitForReady: true });
  return new Map(items.map(({ id, state }) => [id, { isReady: state === PodSandboxState.SANDBOX_READY }]));
}
