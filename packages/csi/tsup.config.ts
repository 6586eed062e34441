import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

export default defineConfig(
  preset({
    index: "src/index.ts",
    "mount/index": "src/mount/index.ts",
  }),
);
