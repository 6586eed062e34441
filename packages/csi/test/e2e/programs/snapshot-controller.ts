// The controller of snapshots that a cluster has once, as a process of its own.
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { createLogger } from "@kx/core/log";
import { snapshotController } from "@kx/csi/snapshot-controller";

const [kubeconfig] = process.argv.slice(2);
const extensions = [snapshotController({ distributed: true })];
await runHost({ role: "controller", extensions, log: createLogger(), clock: systemClock, kubeconfig });
