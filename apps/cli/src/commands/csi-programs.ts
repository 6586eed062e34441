import { runMain } from "@kx/core/host";
import { runHostpath, runSidecars } from "@kx/csi/programs";

/** Runs the controllers of a driver behind a socket; like its own executable it ends the process. */
export async function csiSidecar(args: readonly string[]): Promise<void> {
  await runMain((context) => runSidecars({ ...context, name: "kx csi sidecar", args }));
}

/** Serves the hostpath driver; like its own executable it ends the process. */
export async function csiServeHostpath(args: readonly string[]): Promise<void> {
  await runMain(async (context) => {
    await runHostpath({ ...context, name: "kx csi serve hostpath", args });
    return undefined;
  });
}
