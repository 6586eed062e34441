import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

export default defineConfig(
  preset({
    index: "src/index.ts",
    "mount/index": "src/mount/index.ts",
    "registrar/index": "src/registrar/index.ts",
    "controllers/index": "src/controllers/index.ts",
    "data-source-validator/index": "src/data-source-validator/index.ts",
    "snapshot-metadata/index": "src/snapshot-metadata/index.ts",
    "snapshot-controller/index": "src/snapshot-controller/index.ts",
    "doctor/index": "src/doctor/index.ts",
    "hostpath/index": "src/hostpath/index.ts",
    "programs/index": "src/programs/index.ts",
    "testing/index": "src/testing/index.ts",
    "bin/kx-csi-hostpath": "src/bin/kx-csi-hostpath.ts",
    "bin/kx-csi-sidecar": "src/bin/kx-csi-sidecar.ts",
  }),
);
