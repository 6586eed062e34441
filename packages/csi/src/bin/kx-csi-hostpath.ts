import { type MainContext, runMain } from "@kx/core/host";
import { runHostpath } from "../programs/run-hostpath.ts";

await runMain(async (context: MainContext) => {
  await runHostpath({ name: "kx-csi-hostpath", ...context });
  return undefined;
});
