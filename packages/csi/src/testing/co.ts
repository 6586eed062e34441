import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Controller, type Volume, type VolumeCapability } from "@kx/core/contracts/csi";
import type { TestedDriver } from "./driver-under-test.ts";

/** What CreateVolume is asked for. */
export type CreateVolumeInit = Exclude<
  MessageInitShape<(typeof Controller)["method"]["createVolume"]["input"]>,
  { readonly $typeName: string }
>;

/** How a volume is brought to a workload. */
export interface UseOptions {
  readonly capability: Pick<VolumeCapability, "accessType" | "accessMode">;
  /** Default: false. */
  readonly readonly?: boolean;
  /** Default: none. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** A volume that a workload has. */
export interface VolumeUse {
  /** Empty where the driver does not stage volumes. */
  readonly stagingTargetPath: string;
  readonly targetPath: string;
  /** What attaching it gave. */
  readonly publishContext: Readonly<Record<string, string>>;
  /** Unpublishes, unstages and detaches it. Calling it again does nothing. */
  end(): Promise<void>;
}

/** Plays the container orchestrator of one node: calls a driver in the order of the kubelet and the sidecars. */
export interface TestCo {
  /** The node's id, as the driver tells it. */
  nodeId(): Promise<string>;
  /** Brings a volume to a workload: ControllerPublish, NodeStage and NodePublish, as far as the driver has them. */
  use(volume: Pick<Volume, "volumeId" | "volumeContext">, options: UseOptions): Promise<VolumeUse>;
}

/**
 * Makes one.
 *
 * @param folder - where volumes are staged and published; it must be there, and the driver must see it under the same path.
 */
export function createCo({ calls, capabilities }: TestedDriver, folder: string): TestCo {
  let known: Promise<string> | undefined;
  let uses = 0;
  const nodeId = () => (known ??= calls.node.nodeGetInfo({}).then((info) => info.nodeId));

  return {
    nodeId,
    async use({ volumeId, volumeContext }, { capability: volumeCapability, readonly = false, secrets = {} }) {
      const own = join(folder, `use-${++uses}`);
      // Only what is empty goes: never the content of a volume that a driver has left mounted.
      const undo: (() => Promise<unknown>)[] = [() => removeEmpty(own)];
      const end = async (): Promise<void> => {
        for (let last = undo.at(-1); last !== undefined; last = undo.at(-1)) {
          await last();
          undo.pop();
        }
      };
      const common = { volumeId, volumeCapability, volumeContext, secrets };
      const targetPath = join(own, "target");
      try {
        await mkdir(own);
        let publishContext: Readonly<Record<string, string>> = {};
        if (capabilities.has("controller PUBLISH_UNPUBLISH_VOLUME")) {
          const attachment = { volumeId, nodeId: await nodeId(), secrets };
          undo.push(() => calls.controller.controllerUnpublishVolume(attachment));
          ({ publishContext } = await calls.controller.controllerPublishVolume({ ...common, ...attachment, readonly }));
        }
        let stagingTargetPath = "";
        if (capabilities.has("node STAGE_UNSTAGE_VOLUME")) {
          stagingTargetPath = join(own, "staging");
          // The kubelet makes it, and the driver what it publishes at.
          await mkdir(stagingTargetPath);
          undo.push(() => removeEmpty(stagingTargetPath));
          undo.push(() => calls.node.nodeUnstageVolume({ volumeId, stagingTargetPath }));
          await calls.node.nodeStageVolume({ ...common, publishContext, stagingTargetPath });
        }
        undo.push(() => calls.node.nodeUnpublishVolume({ volumeId, targetPath }));
        await calls.node.nodePublishVolume({ ...common, publishContext, stagingTargetPath, targetPath, readonly });
        return { stagingTargetPath, targetPath, publishContext, end };
      } catch (error) {
        // What is told is why it failed; what cannot be taken back is the driver's fault too.
        await end().catch(() => {});
        throw error;
      }
    },
  };
}

async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}
