import { type ClusterStatus, clusterStatus, type IpFamily, prepareDir } from "@kx/cluster";
import { KxError } from "@kx/core";
import { clusterDir, commandFor } from "../cluster-dir.ts";
import { type ConfiguredExtensions, type ExtensionFlags, readConfigured, renderExtensions } from "../configured.ts";
import { differences } from "../differences.ts";
import { readRequest } from "../hosts.ts";
import { launch } from "../launch.ts";
import { type Format, format } from "../output.ts";
import { requirePrerequisites } from "../prerequisites.ts";
import { type ProgressView, seconds, showProgress, track } from "../progress.ts";
import { reconfigure } from "../reconfigure.ts";
import { describeStatus } from "../status-text.ts";
import type { NetworkName } from "../supervision.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `kx up`; absent where the user gave none. */
export interface UpOptions extends ExtensionFlags {
  readonly nodes?: number;
  readonly controlPlaneOnly?: boolean;
  readonly dir?: string;
  readonly kubernetesVersion?: string;
  readonly hostNetworkRoute?: boolean;
  readonly dns?: boolean;
  readonly network?: NetworkName;
  readonly ipFamilies?: readonly IpFamily[];
  readonly output?: Format;
}

/** A cluster that is up. */
export interface Found {
  readonly status: ClusterStatus;
  /** How long its start took; absent if it was up. */
  readonly startedMs?: number;
}

/** Brings a cluster up, or finds it up. Resolves to the exit code. */
export async function up(options: UpOptions, terminal: Terminal, signal: AbortSignal): Promise<number> {
  const dir = clusterDir(options.dir, terminal.env);
  const { status, startedMs } = await ensureUp(dir, options, terminal, signal);
  if (options.output !== undefined) {
    terminal.stdout.write(`${format(status, options.output)}\n`);
    return 0;
  }
  const how = startedMs === undefined ? "is up already" : `is up after ${seconds(startedMs)}`;
  const what = status.kind === "cluster" ? "the cluster" : "the control plane";
  terminal.stdout.write(`${describeStatus(status, `${what} ${how}`)}\n\n`);
  const look = status.kind === "cluster" ? "kubectl get nodes" : "kubectl get namespaces";
  const next = [look, "status", "down"].map((command) => `  ${commandFor(command, dir, terminal.env)}`);
  terminal.stdout.write(`next:\n${next.join("\n")}\n`);
  return 0;
}

/** Starts the cluster of a folder unless it runs. */
export async function ensureUp(
  dir: string,
  options: UpOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Found> {
  const extensions = await readConfigured(options);
  const found = await clusterStatus(dir);
  if (found?.phase === "starting") {
    throw new KxError("KX_CLI_STARTING", `process ${found.ownerPid} is starting a cluster in ${dir}`, {
      remedy: "wait for it, or stop it with `kx down`",
    });
  }
  const view = showProgress(terminal);
  try {
    if (found?.phase !== "up") return await start(dir, options, extensions, view, signal);
    await use(found, options, extensions, view, signal);
    return { status: found };
  } finally {
    view.close();
  }
}

async function start(
  dir: string,
  options: UpOptions,
  extensions: ConfiguredExtensions | undefined,
  { report }: ProgressView,
  signal: AbortSignal,
): Promise<Found> {
  const started = performance.now();
  const { ipFamilies = ["ipv4"] } = options;
  await requirePrerequisites(
    options.controlPlaneOnly ? "control-plane" : ipFamilies.includes("ipv6") ? "dual-stack" : "cluster",
  );
  if (extensions !== undefined) {
    await track(report, "checking the extensions", () => renderExtensions(extensions, signal));
  }
  await prepareDir(dir);
  const { nodes = 1, controlPlaneOnly = false, hostNetworkRoute = false, dns = false, network = "kx" } = options;
  const { kubernetesVersion } = options;
  const optional = {
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
    ...(extensions === undefined ? {} : { extensions }),
  };
  await launch(
    { dir, nodes, controlPlaneOnly, hostNetworkRoute, dns, network, ipFamilies, ...optional },
    report,
    signal,
  );
  const status = await clusterStatus(dir);
  if (status?.phase !== "up") throw new KxError("KX_CLI_SUPERVISOR", `the cluster in ${dir} ended at once`);
  return { status, startedMs: performance.now() - started };
}

/** Takes a cluster that runs, if it is what the flags ask for but for the content of its configuration file. */
async function use(
  status: ClusterStatus,
  options: UpOptions,
  extensions: ConfiguredExtensions | undefined,
  { report }: ProgressView,
  signal: AbortSignal,
): Promise<void> {
  const running = await readRequest(status.dir);
  const found = differences(status, running, options, extensions);
  if (found.length > 0) {
    throw new KxError("KX_CLI_DIFFERENT", `a cluster is up in ${status.dir}, but ${found.join(", and ")}`, {
      remedy: "leave the flags out to use it, stop it with `kx down`, or name another folder with --dir",
    });
  }
  if (running === undefined || extensions === undefined || extensions.sha256 === running.extensions?.sha256) return;
  await track(report, "giving the controller manager its changed configuration", () =>
    reconfigure(running, extensions, signal),
  );
}
