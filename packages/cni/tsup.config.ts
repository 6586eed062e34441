import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

export default defineConfig(
  preset({
    index: "src/index.ts",
    "runtime/index": "src/runtime/index.ts",
    "bandwidth/index": "src/bandwidth/index.ts",
    "bridge/index": "src/bridge/index.ts",
    "ptp/index": "src/ptp/index.ts",
    "loopback/index": "src/loopback/index.ts",
    "host-local/index": "src/host-local/index.ts",
    "net/worker": "src/net/worker.ts",
    "daemon/index": "src/daemon/index.ts",
    "node-network/index": "src/node-network/index.ts",
    "install/index": "src/install/index.ts",
    "firewall/index": "src/firewall/index.ts",
    "portmap/index": "src/portmap/index.ts",
    "static/index": "src/static/index.ts",
    "testing/index": "src/testing/index.ts",
    "tuning/index": "src/tuning/index.ts",
  }),
);
