import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Lease } from "@kx/controllers/api/coordination-v1";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { afterAll, beforeAll, expect, it } from "vitest";

let cluster: ControlPlane;
let client: Client;
let folder = "";
beforeAll(async () => {
  cluster = await startControlPlane();
  client = await clusterClient(cluster);
  folder = await mkdtemp(join(tmpdir(), "kx-leader-"));
  const example = fileURLToPath(new URL("../../../../examples/hello-extension", import.meta.url));
  await cp(example, folder, { recursive: true });
});
afterAll(async () => {
  for (const { host } of replicas) host.kill("SIGKILL");
  await client[Symbol.asyncDispose]();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

interface Replica {
  readonly host: ChildProcess;
  readonly exited: Promise<unknown>;
  /** The process of the isolated extension, if one runs. */
  pid(): Promise<number | undefined>;
  metrics(): Promise<string>;
}

const replicas: Replica[] = [];

async function startReplica(): Promise<Replica> {
  const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
  const extensions = [`--config=${folder}/isolated.yaml`, `--extensions-dir=${folder}/extensions`];
  const election = ["--leader-elect", "--leader-elect-namespace=default", "--leader-elect-lease-name=hello"];
  const times = ["--leader-elect-lease-duration=6s", "--leader-elect-renew-deadline=4s"];
  const args = [main, "--health-port=0", `--kubeconfig=${cluster.kubeconfig}`, ...extensions, ...election, ...times];
  const host = spawn(process.execPath, [...args, "--leader-elect-retry-period=500ms"], {
    env: {},
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(host, "exit");
  const lines = createInterface({ input: host.stderr });
  const [line] = await once(lines, "line", { signal: AbortSignal.timeout(30_000) });
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0];
  const get = async (path: string) => (await fetch(`${url}${path}`)).text();
  const pid = async () => {
    const { extensions: shown } = JSON.parse(await get("/extensions")) as {
      extensions: { name: string; pid?: number }[];
    };
    return shown.find(({ name }) => name === "hello")?.pid;
  };
  const replica = { host, exited, pid, metrics: () => get("/metrics") };
  replicas.push(replica);
  return replica;
}

async function leads(replica: Replica): Promise<number> {
  const pid = await eventually(() => replica.pid(), { describe: "the extension's process runs", timeoutMs: 30_000 });
  return pid ?? 0;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it("runs an isolated extension's process only where it leads, and another replica takes over", async () => {
  const first = await startReplica();
  const pid = await leads(first);
  const second = await startReplica();
  const holder = async () => (await client.get(Lease, { name: "hello", namespace: "default" })).spec?.holderIdentity;
  const leader = await holder();
  // Through many of its tries the second one stands by: seen by the renewals of the first.
  const renewed = async () => (await client.get(Lease, { name: "hello", namespace: "default" })).spec?.renewTime;
  for (let renewals = 0, last = await renewed(); renewals < 4; renewals += 1) {
    const before = last;
    await eventually(async () => (last = await renewed()) !== before, { describe: "the lease is renewed" });
    expect(await second.pid()).toBeUndefined();
  }
  expect(await holder()).toBe(leader);
  await eventually(async () => (await first.metrics()).includes('process_cpu_seconds_total{extension="hello"}'), {
    describe: "the leader shows what the extension's process measures",
  });
  expect(await second.metrics()).not.toContain('extension="hello"');

  first.host.kill("SIGTERM");
  await first.exited;
  expect(isAlive(pid)).toBe(false);
  await leads(second);
  expect(await holder()).not.toBe(leader);
});

it("kills the process of a leader that cannot renew its lease", async () => {
  const leader = await startReplica();
  const [, before] = replicas;
  before?.host.kill("SIGTERM");
  await before?.exited;
  const pid = await leads(leader);
  await cluster.stop();
  await eventually(() => !isAlive(pid), { describe: "the process has ended", timeoutMs: 30_000 });
  expect(await leader.pid()).toBeUndefined();
  leader.host.kill("SIGTERM");
  await leader.exited;
});
