import { csiError } from "../driver/csi-error.ts";

/** How much of the capacity is taken. */
export interface Capacity {
  /** What is left; undefined if there is no limit. */
  readonly availableBytes: bigint | undefined;
  /**
   * Takes so much of it at once, and gives it back when told so.
   *
   * @throws KxError `KX_CSI_EXHAUSTED`.
   */
  take(bytes: bigint): { giveBack(): void };
  free(bytes: bigint): void;
}

/** @param limitBytes - undefined: as much as is asked for. */
export function createCapacity(limitBytes: bigint | undefined, takenBytes: bigint): Capacity {
  let taken = takenBytes;
  const left = () => (limitBytes === undefined ? undefined : limitBytes > taken ? limitBytes - taken : 0n);
  return {
    get availableBytes() {
      return left();
    },
    take(bytes) {
      const available = left();
      if (available !== undefined && bytes > available) {
        throw csiError("EXHAUSTED", `${bytes} bytes are asked for, of ${limitBytes} bytes ${available} are left`, {
          remedy: "delete volumes, or give the driver more --capacity",
        });
      }
      taken += bytes;
      return {
        giveBack: () => {
          taken -= bytes;
        },
      };
    },
    free(bytes) {
      taken -= bytes;
    },
  };
}
