import { type ClusterStatus, clusterStatus, prepareDir } from "@kx/cluster";
import { KxError } from "@kx/core";
import { clusterDir, commandFor } from "../cluster-dir.ts";
import { launch } from "../launch.ts";
import { type Format, format } from "../output.ts";
import { requirePrerequisites } from "../prerequisites.ts";
import { seconds, showProgress } from "../progress.ts";
import { describeStatus } from "../status-text.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `kx up`; absent where the user gave none. */
export interface UpOptions {
  readonly nodes?: number;
  readonly controlPlaneOnly?: boolean;
  readonly dir?: string;
  readonly kubernetesVersion?: string;
  readonly hostNetworkRoute?: boolean;
  readonly dns?: boolean;
  readonly output?: Format;
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

/** Starts the cluster of a folder unless it runs. `startedMs` is how long that took; absent if it was up. */
export async function ensureUp(
  dir: string,
  options: UpOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<{ readonly status: ClusterStatus; readonly startedMs?: number }> {
  const found = await clusterStatus(dir);
  if (found?.phase === "up") {
    refuseDifferences(found, options);
    return { status: found };
  }
  if (found?.phase === "starting") {
    throw new KxError("KX_CLI_STARTING", `process ${found.ownerPid} is starting a cluster in ${dir}`, {
      remedy: "wait for it, or stop it with `kx down`",
    });
  }
  const started = performance.now();
  await requirePrerequisites(options.controlPlaneOnly ?? false);
  await prepareDir(dir);
  const view = showProgress(terminal);
  try {
    const { nodes = 1, controlPlaneOnly = false, hostNetworkRoute = false, dns = false, kubernetesVersion } = options;
    const version = kubernetesVersion === undefined ? {} : { kubernetesVersion };
    await launch({ dir, nodes, controlPlaneOnly, hostNetworkRoute, dns, ...version }, view.report, signal);
  } finally {
    view.close();
  }
  const status = await clusterStatus(dir);
  if (status?.phase !== "up") throw new KxError("KX_CLI_SUPERVISOR", `the cluster in ${dir} ended at once`);
  return { status, startedMs: performance.now() - started };
}

/** What was asked for and is not so, each in a few words. Pure. */
export function differences(status: ClusterStatus, options: UpOptions): string[] {
  const { nodes, controlPlaneOnly, kubernetesVersion, hostNetworkRoute } = options;
  const version = kubernetesVersion?.replace(/^v/, "");
  const has = status.nodes?.length ?? 0;
  return [
    ...(controlPlaneOnly === true && status.kind === "cluster" ? ["it has nodes"] : []),
    ...(nodes !== undefined && nodes !== has ? [`it has ${has} node${has === 1 ? "" : "s"}, not ${nodes}`] : []),
    ...(version !== undefined && version !== status.kubernetesVersion
      ? [`it runs Kubernetes ${status.kubernetesVersion}, not ${version}`]
      : []),
    ...(hostNetworkRoute === true && !status.hostNetworkRoute ? ["this machine has no route to it"] : []),
  ];
}

function refuseDifferences(status: ClusterStatus, options: UpOptions): void {
  const found = differences(status, options);
  if (found.length === 0) return;
  throw new KxError("KX_CLI_DIFFERENT", `a cluster is up in ${status.dir}, but ${found.join(", and ")}`, {
    remedy: "leave the flags out to use it, stop it with `kx down`, or name another folder with --dir",
  });
}
