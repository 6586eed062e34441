import type { ErrorCatalogue } from "@kx/core";

/** Error codes of @kx/cluster/testing. */
export const leakErrors = {
  KX_CLUSTER_LEAK: {
    meaning: "Something that was not on the machine before a test is still there after it.",
    remedy: "The message lists each thing by kind; find who made it and have that remove it.",
  },
} as const satisfies ErrorCatalogue;
