import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

const api = [
  "meta-v1",
  "core-v1",
  "apps-v1",
  "batch-v1",
  "rbac-v1",
  "storage-v1",
  "coordination-v1",
  "events-v1",
  "apiextensions-v1",
];

export default defineConfig(
  preset({
    index: "src/index.ts",
    "kubeconfig/index": "src/kubeconfig/index.ts",
    "foo/index": "src/foo/index.ts",
    "testing/index": "src/testing/index.ts",
    ...Object.fromEntries(api.map((name) => [`api/gen/${name}`, `src/api/gen/${name}.ts`])),
  }),
);
