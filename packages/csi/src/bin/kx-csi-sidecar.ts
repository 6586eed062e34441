import { type MainContext, runMain } from "@kx/core/host";
import { runSidecars } from "../programs/run-sidecars.ts";

await runMain((context: MainContext) => runSidecars({ name: "kx-csi-sidecar", ...context }));
