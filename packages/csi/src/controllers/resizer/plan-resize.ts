import type { Cached, DeepReadonly } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { bytesOf } from "../sizes.ts";

/** What this process remembers of a claim's last try. */
export interface ResizeMemory {
  /** Whether the driver said that nothing is at work any more. */
  readonly isFinal: boolean;
  /** Until when a size that is not possible is not tried again, in milliseconds since 1970. */
  readonly restsUntilMs: number;
}

/** What to do for a claim that is to grow. */
export type ResizePlan =
  | { readonly do: "nothing" }
  | { readonly do: "rest"; readonly forMs: number }
  /** `isNew`: this size has not been tried yet. */
  | { readonly do: "expand"; readonly bytes: bigint; readonly isNew: boolean };

const nothing: ResizePlan = { do: "nothing" };

/**
 * Decides whether a claim is to grow, and to which size: that which is asked for now, or, while an earlier growth may be
 * under way, that one first (recovery from failed expansion).
 */
export function planResize(
  claim: Cached<PersistentVolumeClaim>,
  volume: Cached<PersistentVolume>,
  memory: ResizeMemory,
  nowMs: number,
): ResizePlan {
  const wanted = bytesOf(claim.spec?.resources?.requests?.["storage"]);
  if (claim.status?.phase !== "Bound" || wanted <= bytesOf(claim.status.capacity?.["storage"])) return nothing;
  const present = bytesOf(volume.spec?.capacity?.["storage"]);
  const bytes = present < wanted ? sizeToGrow(claim, wanted, present, memory) : sizeToFinish(claim, wanted);
  if (bytes === undefined) return nothing;
  const isNew = allocatedOf(claim) !== bytes;
  if (!isNew && statusOf(claim) === "ControllerResizeInfeasible" && nowMs < memory.restsUntilMs) {
    return { do: "rest", forMs: memory.restsUntilMs - nowMs };
  }
  return { do: "expand", bytes, isNew };
}

/** The size for a volume that is smaller than what is asked for. */
function sizeToGrow(
  claim: DeepReadonly<PersistentVolumeClaim>,
  wanted: bigint,
  present: bigint,
  { isFinal }: ResizeMemory,
): bigint | undefined {
  const allocated = allocatedOf(claim);
  switch (statusOf(claim)) {
    case "NodeResizeInfeasible":
      return allocated ?? wanted;
    case "NodeResizePending":
    case "NodeResizeInProgress":
      // The node finishes first.
      return present >= (allocated ?? wanted) ? undefined : (allocated ?? wanted);
    case "ControllerResizeInProgress":
      // As long as the driver may be at work on a size, another cannot be asked for.
      return isFinal ? wanted : (allocated ?? wanted);
    case undefined:
    default:
      return wanted;
  }
}

/** The size for a volume that is large enough already, whose claim does not say so. */
function sizeToFinish(claim: DeepReadonly<PersistentVolumeClaim>, wanted: bigint): bigint | undefined {
  const status = statusOf(claim);
  // Only the node has to act.
  if (status === "NodeResizePending" || status === "NodeResizeInProgress") return undefined;
  const allocated = allocatedOf(claim);
  if (allocated !== undefined) return allocated;
  return isPendingOnNode(claim) ? undefined : wanted;
}

/** The size that was last tried. */
function allocatedOf({ status }: DeepReadonly<PersistentVolumeClaim>): bigint | undefined {
  const allocated = status?.allocatedResources?.["storage"];
  return allocated === undefined ? undefined : bytesOf(allocated);
}

function statusOf({ status }: DeepReadonly<PersistentVolumeClaim>): string | undefined {
  return status?.allocatedResourceStatuses?.["storage"];
}

function isPendingOnNode({ status }: DeepReadonly<PersistentVolumeClaim>): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === "FileSystemResizePending" && is === "True") === true
  );
}
