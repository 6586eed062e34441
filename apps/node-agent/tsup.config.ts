import { bundle } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

// One file that needs nothing else to start: on a node there is no node_modules.
export default defineConfig(bundle({ main: "src/main.ts" }));
