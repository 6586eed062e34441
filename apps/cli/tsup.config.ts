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
        await copyFile("../controller-manager/dist/main.js", "dist/controller-manager.js");
        await cp("../../examples/foo", "dist/examples/foo", { recursive: true });
      },
    },
  ),
);
