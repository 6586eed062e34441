import type { ErrorCatalogue } from "@kx/core";

/** Every error code that @kx/csi throws. */
export const csiErrors = {
  KX_CSI_DEFINITION: {
    meaning: "A driver's definition is wrong. This is a fault in the program.",
    remedy: "Correct the field that the message names.",
  },
} as const satisfies ErrorCatalogue;
