import type { DeepReadonly } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";

/** What this process remembers of a claim's last try. */
export interface ModifyMemory {
  /** Whether the driver said that nothing is at work any more. */
  readonly isFinal: boolean;
  /** Until when a class that is not possible is not tried again, in milliseconds since 1970. */
  readonly restsUntilMs: number;
}

/** What to do for the VolumeAttributesClass of a claim. */
export type ModifyPlan =
  | { readonly do: "nothing" }
  | { readonly do: "rest"; readonly forMs: number }
  /** The change is not wanted any more, and nothing is at work. */
  | { readonly do: "cancel" }
  /** `isNew`: another class than that which may be at work. */
  | { readonly do: "modify"; readonly className: string; readonly isNew: boolean };

/** Decides which class a volume is to be changed to: the wanted one, but first the one that may be under way. */
export function planModify(
  { spec, status }: DeepReadonly<Pick<PersistentVolumeClaim, "spec" | "status">>,
  memory: ModifyMemory,
  nowMs: number,
): ModifyPlan {
  if (status?.phase !== "Bound") return { do: "nothing" };
  const wanted = spec?.volumeAttributesClassName ?? "";
  const target = status.modifyVolumeStatus?.targetVolumeAttributesClassName ?? "";
  const state = status.modifyVolumeStatus?.status;
  if (state === "Infeasible" && target === wanted && nowMs < memory.restsUntilMs) {
    return { do: "rest", forMs: memory.restsUntilMs - nowMs };
  }
  if (state === undefined && wanted === (status.currentVolumeAttributesClassName ?? "")) return { do: "nothing" };
  const isUnderWay = state === "InProgress";
  if (wanted === "" && !isUnderWay) {
    const isSaid = status.conditions?.some(({ type }) => type === "ModifyingVolume") === true;
    return isSaid ? { do: "cancel" } : { do: "nothing" };
  }
  // After a restart nobody knows how the last call ended.
  if (isUnderWay && (wanted === "" || !memory.isFinal)) return { do: "modify", className: target, isNew: false };
  return { do: "modify", className: wanted, isNew: true };
}
