import { link, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { execute, startTime, until } from "./host.ts";
import { layoutOf, longestSocketSuffix } from "./layout.ts";
import { detachLoops } from "./loop-devices.ts";

/** What a state folder's `state.json` tells about its cluster: enough to use it from elsewhere and to clean up after it. */
export interface ClusterState {
  readonly kind: "control-plane" | "cluster";
  /** The process whose children the cluster's processes are. */
  readonly owner: { readonly pid: number; readonly startTime: string };
  /** Folders and links on the host that outlive a crash, recorded before they are made. */
  readonly cgroups: readonly string[];
  readonly link?: string;
  readonly startedAt: string;
  /** Below: present once the programs were obtained. */
  readonly kubernetesVersion?: string;
  readonly assets?: string;
  /** Below: present once the cluster is up. */
  readonly server?: string;
  readonly holderPid?: number;
  /** The control plane's address inside the cluster's network. */
  readonly fabric?: string;
  /** `http://127.0.0.1:port` or `unix:/path`. */
  readonly etcd?: string;
  readonly nodes?: readonly NodeState[];
}

export interface NodeState {
  readonly name: string;
  readonly index: number;
  /** One a family. */
  readonly addresses: readonly string[];
  /** The node's PID 1 as this machine sees it. */
  readonly pid: number;
  /** Cgroup folders that a process joins before it enters the node. */
  readonly cgroups: readonly string[];
  /** Those that it alone has, as `major:minor`; absent in states of earlier versions. */
  readonly fileSystems?: readonly string[];
}

/** Reads a folder's state; undefined if it holds none. */
export async function readState(dir: string): Promise<ClusterState | undefined> {
  const text = await readFile(layoutOf(dir).state, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as ClusterState;
  } catch (error) {
    throw new KxError("KX_CLUSTER_DIR", `${layoutOf(dir).state} is not valid JSON`, {
      cause: error,
      remedy: `remove ${dir}`,
    });
  }
}

/** Writes it whole or not at all. */
export async function writeState(dir: string, state: ClusterState): Promise<void> {
  const path = layoutOf(dir).state;
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Whether the process that owns the folder's cluster lives. */
export async function isRunning(state: ClusterState): Promise<boolean> {
  return (await startTime(state.owner.pid)) === state.owner.startTime;
}

/** Makes the folder the owner's: only one process at a time can. */
export async function claimDir(dir: string, state: ClusterState): Promise<void> {
  await prepareDir(dir);
  const path = layoutOf(dir).state;
  const own = `${path}.${state.owner.pid}`;
  await writeFile(own, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  try {
    await link(own, path); // unlike rename, fails if another process was faster
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw inUse(dir, await readState(dir));
  } finally {
    await rm(own, { force: true });
  }
}

function inUse(dir: string, state: ClusterState | undefined): KxError {
  return new KxError("KX_CLUSTER_RUNNING", `${dir} belongs to a running cluster (process ${state?.owner.pid})`, {
    remedy: "stop it with `kx down`, or name another folder with --dir",
  });
}

/**
 * Makes a folder ready to be a cluster's state folder: makes it, or removes from it what a crashed cluster left.
 *
 * @throws KxError KX_CLUSTER_RUNNING if a cluster's process owns it, KX_CLUSTER_DIR if it cannot be one or holds other files.
 */
export async function prepareDir(dir: string): Promise<void> {
  if (dir.length + longestSocketSuffix > 107) {
    throw new KxError("KX_CLUSTER_DIR", `the path ${dir} is too long: sockets below it would exceed 107 bytes`, {
      remedy: `name a folder of at most ${107 - longestSocketSuffix} bytes with --dir`,
    });
  }
  const state = await readState(dir);
  if (state !== undefined) {
    if (await isRunning(state)) throw inUse(dir, state);
    await removeRemains(dir, state);
  }
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new KxError("KX_CLUSTER_DIR", `cannot make ${dir}: ${error.message}`, {
      cause: error,
      remedy: "name a folder that you may write with --dir",
    });
  });
  const others = (await readdir(dir)).filter((name) => !ownNames.some((own) => own.test(name)));
  if (others.length > 0) {
    throw new KxError("KX_CLUSTER_DIR", `${dir} holds other files: ${others.slice(0, 3).join(", ")}`, {
      remedy: "name an empty or new folder with --dir",
    });
  }
}

const ownNames = [
  /^state\.json(\.new|\.\d+)?$/,
  /^(kubeconfig|supervisor\.(log|pid)|pki|users|log|config|etcd|install|run)$/,
  /^(control|registry|etcd)\.sock$/,
  /^n\d$/,
  /^holder\.json$/,
];

/** Removes what a cluster leaves once all its processes are gone: cgroup folders, loop devices, the host's link, the folder's content. */
export async function removeRemains(
  dir: string,
  state: Pick<ClusterState, "cgroups" | "link" | "nodes">,
  keep?: RegExp,
): Promise<void> {
  for (const cgroup of state.cgroups) await removeCgroup(cgroup);
  await detachLoops((state.nodes ?? []).flatMap(({ fileSystems = [] }) => fileSystems));
  if (state.link !== undefined) await execute("ip", ["link", "del", state.link]);
  const names = await readdir(dir).catch(() => []);
  const own = names.filter((name) => ownNames.some((pattern) => pattern.test(name)) && !keep?.test(name));
  // The state goes last: until then a crash here is cleaned up by the next start.
  for (const name of own.filter((n) => n !== "state.json"))
    await rm(join(dir, name), { recursive: true, force: true, maxRetries: 5 });
  await rm(layoutOf(dir).state, { force: true });
}

/** A cgroup folder goes once its processes are reaped, children first (cgroups(7)). */
export async function removeCgroup(path: string): Promise<void> {
  await until(
    async () => {
      for (const child of await subfolders(path)) await rmdir(child).catch(() => {});
      const gone = await rmdir(path).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === "ENOENT",
      );
      return gone ? true : undefined;
    },
    {
      timeoutMs: 10_000,
      failure: () => new KxError("KX_CLUSTER_TIMEOUT", `cannot remove the cgroup ${path}: it still holds processes`),
    },
  );
}

/** All folders below, deepest first. */
async function subfolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    found.push(...(await subfolders(join(path, entry.name))), join(path, entry.name));
  }
  return found;
}
