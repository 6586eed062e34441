import { bundle } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

// What is copied to nodes, where there is no node_modules. Core's own workers are not among what it needs.
const { entry: _entry, ...options } = bundle({});

export default defineConfig({ ...options, entry: { "kx-cni": "src/bin/kx-cni.ts" }, outDir: "dist/bin", minify: true });
