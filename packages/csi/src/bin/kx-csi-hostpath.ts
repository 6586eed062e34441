import { type MainContext, runMain } from "@kx/core/host";
import { runHostpath } from "../hostpath/run-hostpath.ts";

await runMain(async (context: MainContext) => {
  await runHostpath(context);
  return undefined;
});
