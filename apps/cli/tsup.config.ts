import { existsSync } from "node:fs";
import { copyFile, cp } from "node:fs/promises";
import { preset } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

export default defineConfig(
  preset(
    { main: "src/main.ts", supervisor: "src/supervisor.ts", errors: "src/errors.ts" },
    {
      // What the supervisor runs and the demo applies goes into the package: the hosts are not published themselves.
      async onSuccess() {
        await copyFile("../node-agent/dist/main.js", "dist/node-agent.js");
        for (const name of ["bounded-child.js", "netlink-worker.js", "worker.js"]) {
          await copyFile(`../node-agent/dist/${name}`, `dist/${name}`);
        }
        await copyFile("../../packages/cni/dist/bin/kx-cni.js", "dist/kx-cni.js");
        const shim = "../../packages/cni/dist/shim/kx-cni-shim";
        // Without a C compiler there is none.
        if (existsSync(shim)) await copyFile(shim, "dist/kx-cni-shim");
        await copyFile("../controller-manager/dist/main.js", "dist/controller-manager.js");
        await cp("../../examples/foo", "dist/examples/foo", { recursive: true });
      },
    },
  ),
);
