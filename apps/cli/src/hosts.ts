import { mkdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import type { ClusterProcess } from "@kx/cluster";
import type { ExtensionStatus } from "@kx/core/host";
import type { UpRequest } from "./supervision.ts";

/** A host of extensions, one of the cluster's processes. */
export interface Host {
  readonly name: "controller-manager" | "node-agent";
  /** The node that it runs on; absent beside the control plane. */
  readonly node?: string;
  /** Its health socket, as this machine sees it. */
  readonly socket: string;
  /** Absent while it does not run. */
  readonly pid?: number;
}

/** An extension and the host that runs it. */
export interface HostedStatus extends ExtensionStatus {
  readonly host: Host["name"];
  readonly node?: string;
  /** Of the process that it runs in; of its own on a node, as the node sees it. */
  readonly pid?: number;
  /** How often its runnables, and its process if it has one, were started again. */
  readonly restarts: number;
}

/** A host that tells nothing. */
export interface SilentHost {
  readonly host: Host["name"];
  readonly node?: string;
  readonly reason: string;
}

/** What the hosts of a cluster run. */
export interface HostsStatus {
  readonly extensions: readonly HostedStatus[];
  /** Those that did not answer. */
  readonly silentHosts: readonly SilentHost[];
}

/** Where a node agent serves health, as its node sees it: a node's /run is a folder of the cluster's. */
export const agentSocket = "/run/kx/node-agent.sock";

/** Where the controller manager of a folder's cluster serves health. */
export function managerSocket(dir: string): string {
  return join(runDir(dir), "controller-manager.sock");
}

/** The folder for what the command keeps while a cluster runs. */
function runDir(dir: string): string {
  return join(dir, "run");
}

/** Those of a cluster's processes that host extensions. Pure. */
export function hostsOf(dir: string, processes: readonly ClusterProcess[]): readonly Host[] {
  return processes.flatMap(({ name, node, pid }): readonly Host[] => {
    const running = pid === undefined ? {} : { pid };
    if (name === "controller-manager") return [{ name, socket: managerSocket(dir), ...running }];
    if (node === undefined || name !== `${node}/node-agent`) return [];
    const socket = join(dir, node.replace(/^node-/, "n"), agentSocket);
    return [{ name: "node-agent", node, socket, ...running }];
  });
}

/** Asks all hosts at once. Never rejects, and takes no longer than `timeoutMs`. */
export async function askHosts(hosts: readonly Host[], timeoutMs = 2000): Promise<HostsStatus> {
  const answers = await Promise.all(
    hosts.map(async ({ name, node, socket, pid }) => {
      const from = { host: name, ...(node === undefined ? {} : { node }) };
      try {
        const extensions = await ask(socket, timeoutMs);
        const shared = pid === undefined ? {} : { pid };
        const hosted = extensions.map((one) => ({
          ...from,
          ...(one.isolation === "shared" ? shared : {}),
          ...one,
          restarts: restartsOf(one),
        }));
        return { extensions: hosted, silent: [] };
      } catch (error) {
        return { extensions: [], silent: [{ ...from, reason: whyOf(error) }] };
      }
    }),
  );
  return {
    extensions: answers.flatMap(({ extensions }) => extensions),
    silentHosts: answers.flatMap(({ silent }) => silent),
  };
}

function restartsOf({ runnables }: ExtensionStatus): number {
  return runnables.reduce((sum, { restarts }) => sum + restarts, 0);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "it has no socket yet",
  ECONNREFUSED: "it is down",
};

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return reasons[code] ?? error.message;
}

async function ask(socketPath: string, timeoutMs: number): Promise<readonly ExtensionStatus[]> {
  const text = await askSocket(socketPath, "/extensions", timeoutMs);
  try {
    return (JSON.parse(text) as { extensions: ExtensionStatus[] }).extensions;
  } catch {
    throw new Error("it answered no JSON");
  }
}

/** Reads a path of a host's health socket. @throws Error in words if there is no answer in time, or another than 200. */
export function askSocket(socketPath: string, path: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // Of the whole exchange, not only of silence.
  const timer = setTimeout(() => asked.destroy(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
  const asked = request({ socketPath, path, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () => {
      if (response.statusCode !== 200) return reject(new Error(`it answered ${response.statusCode}`));
      resolve(Buffer.concat(chunks).toString());
    });
  });
  asked.on("error", reject);
  asked.end();
  return promise.finally(() => clearTimeout(timer));
}

/** What a running cluster was asked to be; undefined if nothing tells. */
export async function readRequest(dir: string): Promise<UpRequest | undefined> {
  const text = await readFile(join(runDir(dir), "request.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as UpRequest);
}

/** Keeps what a cluster was asked to be, for the commands that come later. */
export async function writeRequest(wanted: UpRequest): Promise<void> {
  const folder = runDir(wanted.dir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, "request.json"), `${JSON.stringify(wanted, null, 2)}\n`, { mode: 0o600 });
}
