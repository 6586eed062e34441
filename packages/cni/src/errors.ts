import type { ErrorCatalogue } from "@kx/core";

/** Every error code that @kx/cni throws. */
export const cniErrors = {
  KX_CNI_DEFINITION: {
    meaning: "A plug-in's definition is wrong. This is a fault in the program.",
    remedy: "Correct the field that the message names.",
  },
} as const satisfies ErrorCatalogue;
