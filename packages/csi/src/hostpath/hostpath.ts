import { KxError } from "@kx/core";
import { AccessMode } from "@kx/core/contracts/csi";
import type { CsiDriver, CsiDriverDefinition } from "../driver/csi-driver.ts";
import { defineCsiDriver } from "../driver/define-csi-driver.ts";
import { given } from "../given.ts";
import { createMounter } from "../mount/mounter.ts";
import { fileState } from "../state/file-state.ts";
import { attachHandlers } from "./attachments.ts";
import { createCapacity } from "./capacity.ts";
import type { Environment } from "./environment.ts";
import { openFolders } from "./folders.ts";
import { thaw } from "./freeze.ts";
import { healthHandlers } from "./health.ts";
import { metadataHandlers } from "./metadata.ts";
import { nodeHandlers } from "./node.ts";
import type { HostpathOptions } from "./options.ts";
import { snapshotHandlers } from "./snapshots.ts";
import { capacityOf } from "./volume-data.ts";
import { volumeHandlers } from "./volumes.ts";

const defaultName = "hostpath.csi.kx.dev";

/** A driver that keeps volumes in a folder of one node: all that CSI can do, for tests, for demonstrations and for single nodes. */
export function hostpath(options: HostpathOptions): CsiDriver {
  const { name = defaultName, durability = "fsync", mode = "all" } = options;
  const isSynced = durability === "fsync";
  const env = createEnvironment(options, name, isSynced);
  const definition: CsiDriverDefinition = {
    name,
    state: env.state,
    features: {
      singleNodeMultiWriter: true,
      volumeMountGroup: true,
      clone: true,
      topology: true,
      snapshotTopology: true,
      expansion: "online",
      volumeCondition: true,
      accessTypes: ["mount", "block"],
      accessModes: allModes,
      ...(options.attach === true ? { publishReadonly: true, publishedNodes: true } : {}),
    },
    distributed: { ...env.topology, nodeKey: nodeKeyOf(name) },
    ...(options.kubeletDir === undefined ? {} : { kubeletDir: options.kubeletDir }),
    csiDriver: {
      volumeLifecycleModes: ["Persistent", "Ephemeral"],
      podInfoOnMount: true,
      fsGroupPolicy: "File",
      storageCapacity: true,
      ...given({ preventPodSchedulingIfMissing: options.preventPodSchedulingIfMissing }),
    },
    async init() {
      if (mode !== "node") await env.prepare();
    },
    ...volumeHandlers(env),
    ...snapshotHandlers(env),
    ...metadataHandlers(env),
    ...healthHandlers(env),
    ...nodeHandlers(env),
    ...(options.attach === true ? attachHandlers(env) : {}),
  };
  return defineCsiDriver<CsiDriverDefinition>(definition);
}

const allModes = [
  AccessMode.SINGLE_NODE_WRITER,
  AccessMode.SINGLE_NODE_READER_ONLY,
  AccessMode.SINGLE_NODE_SINGLE_WRITER,
  AccessMode.SINGLE_NODE_MULTI_WRITER,
  // For several pods of the node where the volume is.
  AccessMode.MULTI_NODE_READER_ONLY,
  AccessMode.MULTI_NODE_SINGLE_WRITER,
  AccessMode.MULTI_NODE_MULTI_WRITER,
];

/** The label by which a volume's node is found. */
function nodeKeyOf(name: string): string {
  return `topology.${name}/node`;
}

function createEnvironment(
  options: HostpathOptions,
  name: string,
  isSynced: boolean,
): Environment & { prepare(): Promise<void> } {
  const { stateDir, kubeletDir, durability = "fsync", mode = "all", nodeId, capacityBytes } = options;
  // Of the processes on one folder one has the state; one for the node alone remembers what it has published.
  const state = fileState(`${stateDir}/${mode === "node" ? "node-state" : "state"}`, { durability });
  const folders = openFolders(stateDir, isSynced);
  let capacity: ReturnType<typeof createCapacity> | undefined;
  return {
    options,
    state,
    folders,
    isSynced,
    mounter: createMounter(kubeletDir === undefined ? {} : { kubeletDir }),
    topology: { segments: { [nodeKeyOf(name)]: nodeId } },
    capacity() {
      if (capacity === undefined) throw new KxError("KX_CSI_STARTING", "the driver is not ready");
      return capacity;
    },
    async prepare() {
      const volumes = await state.list("volume", undefined, Number.MAX_SAFE_INTEGER);
      capacity = createCapacity(
        capacityBytes,
        volumes.reduce((sum, volume) => sum + capacityOf(volume), 0n),
      );
      await folders.clean();
      for (const { id } of volumes) {
        const found = folders.find("volumes", id);
        if (found?.kind === "image") await thaw([found]);
      }
    },
  };
}
