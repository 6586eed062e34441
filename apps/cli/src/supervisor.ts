import { type ControlPlane, type Progress, startCluster, startControlPlane } from "@kx/cluster";
import { type KubeObject, KxError } from "@kx/core";
import { renderExtensions } from "./configured.ts";
import { startControllerManager, startNodeAgents } from "./extensions.ts";
import { writeRequest } from "./hosts.ts";
import { makeNodeInstall } from "./node-install.ts";
import { podNetwork } from "./pod-network.ts";
import { seconds, track } from "./progress.ts";
import type { SupervisorMessage, UpRequest } from "./supervision.ts";

// The process that owns a cluster: `kx up` starts it, in a session of its own, and leaves once it says "up".

const starting = new AbortController();
let cluster: ControlPlane | undefined;
let up = false;

const tell = (message: SupervisorMessage): void => {
  if (process.connected) process.send?.(message, () => {});
};
const log = (text: string): void => console.log(`${new Date().toISOString()} ${text}`);
const report = (progress: Progress): void => {
  const { step, state, elapsedMs } = progress;
  if (state !== "started") log(`${step}: ${state} after ${seconds(elapsedMs)}`);
  tell({ type: "progress", progress });
};

const end = (why: string): void => {
  log(`stopping: ${why}`);
  if (!up) return starting.abort(new KxError("KX_CLI_INTERRUPTED", `the start was interrupted by ${why}`));
  void cluster?.stop().catch(fail);
};
process.on("SIGTERM", end).on("SIGINT", end);
process.on("SIGHUP", () => {}); // the terminal's end is not the cluster's
process.on("disconnect", () => {
  if (!up) end("the end of the command");
});

// Once the cluster has stopped, nothing keeps this process alive.
await start(JSON.parse(process.argv[2] ?? "{}") as UpRequest).catch(fail);

async function start(request: UpRequest): Promise<void> {
  const { dir, nodes, controlPlaneOnly, kubernetesVersion, hostNetworkRoute, dns } = request;
  const { signal } = starting;
  const common = {
    dir,
    signal,
    onProgress: report,
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
  };
  const rendering = renderExtensions(request.extensions, signal);
  // Its failure is told where it is waited for.
  rendering.catch(() => {});
  try {
    if (controlPlaneOnly) {
      cluster = await startControlPlane({ ...common, controllerManager: true, scheduler: true });
      await startExtensions(cluster, request, rendering, async () => {});
    } else {
      const install = await makeNodeInstall(dir);
      const own = request.network === "kx" ? podNetwork(install) : undefined;
      const network = own ?? (request.network === "none" ? "none" : "upstream");
      const whole = await startCluster({
        ...common,
        nodes,
        hostNetworkRoute,
        dns,
        mounts: [install],
        network,
        ipFamilies: request.ipFamilies,
      });
      cluster = whole;
      await startExtensions(whole, request, rendering, async () => {
        if (own === undefined) await startNodeAgents(whole, install);
      });
    }
    signal.throwIfAborted();
  } catch (error) {
    await cluster?.stop();
    throw error;
  }
  up = true;
  log(`up in ${dir}`);
  tell({ type: "up" });
}

async function startExtensions(
  controlPlane: ControlPlane,
  request: UpRequest,
  rendering: Promise<readonly KubeObject[]>,
  startAgents: () => Promise<void>,
): Promise<void> {
  await writeRequest(request);
  const startManager = async () => startControllerManager(controlPlane, await rendering, request.extensions);
  await track(report, "starting the extensions", () => Promise.all([startManager(), startAgents()]));
}

function fail(thrown: unknown): void {
  const { code, reason, remedy, stack } = KxError.from(thrown);
  log(`failed: ${KxError.from(thrown).message}`);
  const more = { ...(remedy === undefined ? {} : { remedy }), ...(stack === undefined ? {} : { stack }) };
  tell({ type: "error", code, reason, ...more });
  process.exitCode = 1;
  if (process.connected) process.disconnect();
}
