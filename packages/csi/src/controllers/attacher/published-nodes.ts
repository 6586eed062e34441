import type { Clock } from "@kx/core";
import { ControllerCapability } from "@kx/core/contracts/csi";
import type { DriverClient } from "../driver-client.ts";

/** Where a driver has its volumes attached, as it says itself. */
export interface PublishedNodes {
  /**
   * Whether the driver has a volume attached to a node, by a list begun after `sinceMs`; undefined if there is none yet. The
   * list is fetched at most once in a while, whoever asks.
   */
  has(volumeId: string, nodeId: string, sinceMs: number, signal: AbortSignal): Promise<boolean | undefined>;
}

const pageSize = 500;

interface View {
  readonly atMs: number;
  readonly nodes: ReadonlyMap<string, ReadonlySet<string>>;
}

/** How a driver is asked. */
interface PublishedNodesOptions {
  readonly callTimeoutMs: number;
  /** How old a list may be. */
  readonly maxAgeMs: number;
}

/** Undefined for a driver that does not tell. */
export function publishedNodes(
  driver: DriverClient,
  { callTimeoutMs, maxAgeMs }: PublishedNodesOptions,
  clock: () => Clock,
): PublishedNodes | undefined {
  const { controller } = driver.capabilities;
  const tells =
    controller.has(ControllerCapability.LIST_VOLUMES) &&
    controller.has(ControllerCapability.LIST_VOLUMES_PUBLISHED_NODES);
  if (!tells) return undefined;
  let latest: { readonly atMs: number; readonly view: Promise<View> } | undefined;

  const fetch = async (atMs: number, signal: AbortSignal): Promise<View> => {
    const nodes = new Map<string, ReadonlySet<string>>();
    let startingToken = "";
    do {
      const request = { maxEntries: pageSize, startingToken };
      const page = await driver.controller.listVolumes(request, { timeoutMs: callTimeoutMs, signal });
      for (const { volume, status } of page.entries) {
        if (volume !== undefined) nodes.set(volume.volumeId, new Set(status?.publishedNodeIds));
      }
      startingToken = page.nextToken;
    } while (startingToken !== "");
    return { atMs, nodes };
  };

  return {
    async has(volumeId, nodeId, sinceMs, signal) {
      const now = clock().now();
      if (latest === undefined || now - latest.atMs >= maxAgeMs) {
        const begun = { atMs: now, view: fetch(now, signal) };
        latest = begun;
        begun.view.catch(() => {
          if (latest === begun) latest = undefined;
        });
      }
      const { atMs, nodes } = await latest.view;
      return atMs <= sinceMs ? undefined : (nodes.get(volumeId)?.has(nodeId) ?? false);
    },
  };
}
