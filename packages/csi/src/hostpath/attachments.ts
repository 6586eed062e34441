import { csiError } from "../driver/csi-error.ts";
import type { ControllerHandlers } from "../driver/csi-handlers.ts";
import type { Environment } from "./environment.ts";

type AttachHandlers = Pick<ControllerHandlers, "controllerPublishVolume" | "controllerUnpublishVolume">;

/** Attaching to the one node where the volumes are. What is attached is kept by the kit. */
export function attachHandlers({ options, state }: Environment): AttachHandlers {
  const { nodeId: ownId, maxVolumesPerNode = Number.POSITIVE_INFINITY } = options;
  let attached: Set<string> | undefined;
  const all = async (): Promise<Set<string>> => {
    if (attached !== undefined) return attached;
    const volumes = await state.list("volume", undefined, Number.MAX_SAFE_INTEGER);
    attached ??= new Set(volumes.flatMap(({ id, attachments = {} }) => (ownId in attachments ? [id] : [])));
    return attached;
  };
  return {
    async controllerPublishVolume({ volumeId, nodeId, readonly }) {
      if (nodeId !== ownId) throw csiError("NOT_FOUND", `there is no node ${JSON.stringify(nodeId)}`);
      const volumes = await all();
      if (!volumes.has(volumeId) && volumes.size >= maxVolumesPerNode) {
        throw csiError("EXHAUSTED", `the node ${ownId} has its ${maxVolumesPerNode} volumes`, {
          remedy: "detach one, or raise --max-volumes-per-node",
        });
      }
      volumes.add(volumeId);
      return { publishContext: { readonly: String(readonly) } };
    },
    async controllerUnpublishVolume({ volumeId, nodeId }) {
      if (nodeId === "" || nodeId === ownId) (await all()).delete(volumeId);
    },
  };
}
