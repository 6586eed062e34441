import type { DeepReadonly } from "@kx/controllers";
import type { PersistentVolumeClaimCondition } from "@kx/controllers/api/core-v1";

type Condition = DeepReadonly<PersistentVolumeClaimCondition>;

/** What a growth says of itself. */
const ofResize: readonly string[] = ["Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"];
/** What a change of attributes says of itself. */
const ofModify: readonly string[] = ["ModifyingVolume", "ModifyVolumeError"];

/** A condition that holds. */
export interface Holding {
  readonly type: string;
  readonly message?: string;
  readonly reason?: string;
}

/** The conditions with these added or renewed; of the others of the same matter only `keepOld` keeps any. */
export function withResize(
  old: readonly Condition[] | undefined,
  holding: readonly Holding[],
  now: string,
  keepOld: boolean,
): readonly Condition[] {
  const kept = (old ?? []).filter(({ type }) => keepOld || !ofResize.includes(type));
  return merged(kept, holding, now);
}

/** The conditions with these added or renewed. */
export function withModify(old: readonly Condition[] | undefined, holding: readonly Holding[], now: string) {
  return merged(old ?? [], holding, now);
}

/** The conditions without those of a change of attributes. */
export function withoutModify(old: readonly Condition[] | undefined): readonly Condition[] {
  return (old ?? []).filter(({ type }) => !ofModify.includes(type));
}

/** The conditions without those of a growth. */
export function withoutResize(old: readonly Condition[] | undefined): readonly Condition[] {
  return (old ?? []).filter(({ type }) => !ofResize.includes(type));
}

function merged(old: readonly Condition[], holding: readonly Holding[], now: string): readonly Condition[] {
  const renewed = (known: Condition | undefined, { type, message, reason }: Holding): Condition => {
    const isSame = known?.status === "True" && known.reason === reason;
    return {
      type,
      status: "True",
      lastProbeTime: now,
      lastTransitionTime: isSame ? (known.lastTransitionTime ?? now) : now,
      ...(message === undefined ? {} : { message }),
      ...(reason === undefined ? {} : { reason }),
    };
  };
  const types = holding.map(({ type }) => type);
  const kept = old.filter(({ type }) => !types.includes(type));
  return [
    ...kept,
    ...holding.map((one) =>
      renewed(
        old.find(({ type }) => type === one.type),
        one,
      ),
    ),
  ];
}
