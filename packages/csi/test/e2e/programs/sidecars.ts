// The controllers of a driver behind a socket, as a process of their own that a test can kill.
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { createLogger } from "@kx/core/log";
import { connectDriver, csiControllers } from "@kx/csi/controllers";

const [endpoint = "", kubeconfig] = process.argv.slice(2);
const log = createLogger();
const extensions = csiControllers(await connectDriver(endpoint, { log }));
await runHost({ role: "controller", extensions, log, clock: systemClock, kubeconfig });
