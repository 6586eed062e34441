import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

export default defineConfig(
  preset({
    index: "src/index.ts",
    "testing/index": "src/testing/index.ts",
    "vitest/index": "src/vitest/index.ts",
    "vitest/setup": "src/vitest/setup.ts",
  }),
);
