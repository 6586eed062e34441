import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { isUp } from "./handle.ts";
import { until } from "./host.ts";
import { layoutOf } from "./layout.ts";
import { isRunning, readState, removeRemains } from "./state.ts";

/** What a state folder tells about its cluster. */
export interface ClusterStatus {
  readonly dir: string;
  /** `crashed`: the process that owned it is gone without having stopped it. */
  readonly phase: "starting" | "up" | "crashed";
  readonly kind: "control-plane" | "cluster";
  /** The process whose children the cluster's processes are. */
  readonly ownerPid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Whether pod and service addresses can be reached from this machine. */
  readonly hostNetworkRoute: boolean;
  readonly kubeconfig: string;
  /** Path of the cluster's kubectl. */
  readonly kubectl?: string;
  /** Below: absent while it is starting. */
  readonly kubernetesVersion?: string;
  readonly server?: string;
  /** Names. */
  readonly nodes?: readonly string[];
}

/** Tells what a folder's cluster does; undefined if the folder holds none. */
export async function clusterStatus(dir: string): Promise<ClusterStatus | undefined> {
  const state = await readState(dir);
  if (state === undefined) return undefined;
  const { kind, owner, startedAt, kubernetesVersion, assets, server, nodes } = state;
  return {
    dir,
    phase: (await isRunning(state)) ? (isUp(state) ? "up" : "starting") : "crashed",
    kind,
    ownerPid: owner.pid,
    startedAt,
    hostNetworkRoute: state.link !== undefined,
    kubeconfig: layoutOf(dir).kubeconfig,
    ...(assets === undefined ? {} : { kubectl: join(assets, "bin/kubectl") }),
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
    ...(server === undefined ? {} : { server, nodes: (nodes ?? []).map((node) => node.name) }),
  };
}

/**
 * Sends a signal to the process that owns a folder's cluster, never to another one that has its id now, and waits until
 * it has ended.
 *
 * @param timeoutMs - how long to wait, in milliseconds
 * @returns whether it has ended (also if it had before)
 */
export async function signalOwner(dir: string, signal: "SIGTERM" | "SIGKILL", timeoutMs: number): Promise<boolean> {
  const state = await readState(dir);
  if (state === undefined || !(await isRunning(state))) return true;
  process.kill(state.owner.pid, signal);
  const late = new KxError("KX_CLUSTER_TIMEOUT", `process ${state.owner.pid} did not end`);
  return until(async () => ((await isRunning(state)) ? undefined : true), { timeoutMs, failure: () => late }).catch(
    (error: unknown) => {
      if (error === late) return false;
      throw error;
    },
  );
}

/**
 * Removes all that a cluster left whose owner is gone: cgroup folders, the host's link, what the state folder holds, and
 * the folder if nothing else is in it. Does nothing where no cluster was.
 *
 * @throws KxError KX_CLUSTER_RUNNING if the owner lives.
 */
export async function cleanUp(dir: string): Promise<void> {
  const state = await readState(dir);
  if (state === undefined) return; // the folder may be anybody's
  if (await isRunning(state)) {
    throw new KxError("KX_CLUSTER_RUNNING", `the cluster in ${dir} is running`, { remedy: "stop it with `kx down`" });
  }
  await removeRemains(dir, state);
  await rmdir(dir).catch(() => {});
}

/** The logs in a cluster's state folder, whatever the cluster does: by name, as `logs` of a cluster takes it. */
export async function clusterLogs(dir: string): Promise<{ readonly name: string; readonly path: string }[]> {
  const { logs } = layoutOf(dir);
  const files = (await readdir(logs).catch(() => [])).filter((file) => file.endsWith(".log")).toSorted();
  return files.map((file) => ({
    name: file.slice(0, -".log".length).replace(/^(node-\d)-/, "$1/"),
    path: join(logs, file),
  }));
}
