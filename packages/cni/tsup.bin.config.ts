import { fileURLToPath } from "node:url";
import { bundle } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

// What is copied to nodes, where there is no node_modules. Core's own workers are not among what it needs.
const { entry: _, ...options } = bundle({});
const entry = { "kx-cni": fileURLToPath(new URL("src/bin/kx-cni.ts", import.meta.url)) };

export default defineConfig({ ...options, entry, outDir: "dist/bin", minify: true, sourcemap: false });
