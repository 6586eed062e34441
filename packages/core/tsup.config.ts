import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

export default defineConfig(
  preset({
    index: "src/index.ts",
    "units/index": "src/units/index.ts",
    "log/index": "src/log/index.ts",
    "config/index": "src/config/index.ts",
    "host/index": "src/host/index.ts",
    "host/child": "src/host/child.ts",
    "grpc/index": "src/grpc/index.ts",
    "metrics/index": "src/metrics/index.ts",
    "linux/index": "src/linux/index.ts",
    "linux/bounded-child": "src/linux/bounded-child.ts",
    "linux/netlink-worker": "src/linux/netlink-worker.ts",
    "testing/index": "src/testing/index.ts",
    "contracts/csi/index": "src/contracts/csi/index.ts",
    "contracts/cri/index": "src/contracts/cri/index.ts",
    "contracts/device-plugin/index": "src/contracts/device-plugin/index.ts",
    "contracts/plugin-registration/index": "src/contracts/plugin-registration/index.ts",
    "contracts/pod-resources/index": "src/contracts/pod-resources/index.ts",
    "contracts/pods/index": "src/contracts/pods/index.ts",
    "contracts/dra/index": "src/contracts/dra/index.ts",
    "contracts/snapshot-metadata/index": "src/contracts/snapshot-metadata/index.ts",
    "contracts/grpc-health/index": "src/contracts/grpc-health/index.ts",
    "contracts/cni/index": "src/contracts/cni/index.ts",
    "contracts/cdi/index": "src/contracts/cdi/index.ts",
    "contracts/credential-provider/index": "src/contracts/credential-provider/index.ts",
    "contracts/scheduler/index": "src/contracts/scheduler/index.ts",
    "contracts/webhook/index": "src/contracts/webhook/index.ts",
    "contracts/controller/index": "src/contracts/controller/index.ts",
  }),
);
