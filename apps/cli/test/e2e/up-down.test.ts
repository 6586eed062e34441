import { existsSync, readFileSync } from "node:fs";
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClusterProcess, type ClusterStatus, clusterStatus } from "@kx/cluster";
import { expectNoLeaks, type HostSnapshot, takeSnapshot } from "@kx/cluster/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { kx, startKx } from "./run-kx.ts";

type Status = ClusterStatus & { readonly processes: readonly ClusterProcess[] };

let parent: string;
let dir: string;
let before: HostSnapshot;

async function status(): Promise<Status> {
  return JSON.parse((await kx(dir, "status", "-o", "json")).stdout) as Status;
}

/** A process that has ended stays a zombie until its parent, here the machine's init, looks. */
function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) Z /.test(readFileSync(path, "utf8"));
}

async function prepare(): Promise<void> {
  parent = await mkdtemp(join(tmpdir(), "kxc-"));
  dir = join(parent, "c");
  before = await takeSnapshot({ markers: [parent] });
}

/** Whatever a failed test left. */
async function tidy(): Promise<void> {
  await kx(dir, "down");
  await rm(parent, { recursive: true, force: true });
}

async function expectNothingLeft(): Promise<void> {
  expect(existsSync(dir)).toBe(false);
  await expectNoLeaks(before, { timeoutMs: 15_000 });
}

describe("a cluster of two nodes", () => {
  beforeAll(async () => {
    await prepare();
    const { code, stdout, stderr } = await kx(dir, "up", "--nodes", "2");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("✓ starting the control plane") });
    expect(stdout).toContain("node-1,node-2");
  });
  afterAll(tidy);

  it("is told of by status, with a running process for each part", async () => {
    const { phase, kind, nodes, processes } = await status();
    expect({ phase, kind, nodes }).toEqual({ phase: "up", kind: "cluster", nodes: ["node-1", "node-2"] });
    const names = processes.filter(({ state }) => state === "running").map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["kube-apiserver", "controller-manager"]));
    expect(names).toEqual(expect.arrayContaining(["node-1/kubelet", "node-1/node-agent", "node-2/node-agent"]));
    for (const { pid } of processes) expect(existsSync(`/proc/${pid}`)).toBe(true);
    const { code, stdout } = await kx(dir, "status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^kubelet +node-2 +\d+ +running +0 +\d+s +\S+node-2-kubelet.log$/m);
  });

  it("is found running by a second up, which refuses to change it", async () => {
    const { ownerPid } = await status();
    const second = await kx(dir, "up");
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining("is up already"), stderr: "" });
    const other = await kx(dir, "up", "--nodes", "1");
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("it has 2 nodes, not 1") });
    expect((await status()).ownerPid).toBe(ownerPid);
  });

  it("passes everything on to kubectl, and its exit code back", async () => {
    const nodes = await kx(dir, "kubectl", "get", "nodes", "-o", "name");
    expect(nodes).toEqual({ code: 0, stdout: "node/node-1\nnode/node-2\n", stderr: "" });
    const missing = await kx(dir, "kubectl", "-n", "kube-system", "get", "pod/none");
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("NotFound") });
    const help = await kx(dir, "kubectl", "get", "--help");
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining("kubectl get") });
  });

  it("gives the kubeconfig's path", async () => {
    expect(await kx(dir, "kubeconfig")).toEqual({ code: 0, stdout: `${join(dir, "kubeconfig")}\n`, stderr: "" });
    expect(existsSync(join(dir, "kubeconfig"))).toBe(true);
  });

  it("lists and prints logs, follows them, and says what there is instead of a wrong name", async () => {
    const list = await kx(dir, "logs");
    for (const name of ["kube-apiserver", "node-2/kubelet", "supervisor"]) expect(list.stdout).toContain(`\n${name} `);
    const all = (await kx(dir, "logs", "controller-manager")).stdout.trimEnd().split("\n");
    expect(all[0]).toContain("kx-controller-manager");
    const tail = await kx(dir, "logs", "controller-manager", "--tail", "1");
    expect(tail.stdout.trimEnd().split("\n")).toHaveLength(1);
    const wrong = await kx(dir, "logs", "kube-apisever");
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("did you mean kube-apiserver?") });

    const following = startKx(dir, ["logs", "-f", "supervisor", "--tail", "0"]);
    try {
      let seen = "";
      following.child.stdout?.on("data", (chunk: Buffer) => (seen += chunk.toString()));
      await expect
        .poll(
          async () => {
            await appendFile(join(dir, "supervisor.log"), "a line of this test\n");
            return seen;
          },
          { timeout: 20_000 },
        )
        .toContain("a line of this test");
    } finally {
      following.child.kill();
    }
  });

  it("starts its extensions' hosts again when they end", async () => {
    const names = ["controller-manager", "node-1/node-agent"];
    for (const { name, pid } of (await status()).processes) {
      if (names.includes(name) && pid !== undefined) process.kill(pid, "SIGKILL");
    }
    await expect
      .poll(
        async () => {
          const found = (await status()).processes.filter(({ name }) => names.includes(name));
          return found.map(({ state, restarts }) => `${state} ${restarts}`);
        },
        { timeout: 20_000 },
      )
      .toEqual(["running 1", "running 1"]);
  });

  it("is stopped by down, which leaves nothing", async () => {
    const { ownerPid } = await status();
    const stopped = await kx(dir, "down");
    expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining("stopped the cluster"), stderr: "" });
    expect(isAlive(ownerPid)).toBe(false);
    await expectNothingLeft();
    expect(await kx(dir, "status", "-o", "json")).toMatchObject({ code: 1, stdout: expect.stringContaining('"down"') });
    expect(await kx(dir, "down")).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing is running") });
    expect(await kx(dir, "kubectl", "get", "nodes")).toMatchObject({ code: 1 });
  });
});

describe("a crash", () => {
  beforeEach(prepare);
  afterEach(tidy);

  it("of the supervisor is seen by status and cleaned up by down", async () => {
    expect(await kx(dir, "up")).toMatchObject({ code: 0 });
    process.kill((await status()).ownerPid, "SIGKILL");
    await expect.poll(async () => (await status()).phase, { timeout: 10_000 }).toBe("crashed");
    expect(await kx(dir, "down")).toMatchObject({ code: 0, stdout: expect.stringContaining("cleaned up") });
    await expectNothingLeft();
  });

  it("of the supervisor is cleaned up by the next up", async () => {
    expect(await kx(dir, "up", "--control-plane-only")).toMatchObject({ code: 0 });
    process.kill((await status()).ownerPid, "SIGKILL");
    await expect.poll(async () => (await status()).phase, { timeout: 10_000 }).toBe("crashed");
    expect(await kx(dir, "up")).toMatchObject({ code: 0, stdout: expect.stringContaining("is up after") });
    expect(await kx(dir, "down")).toMatchObject({ code: 0 });
    await expectNothingLeft();
  });

  it.each(["making certificates and namespaces", "making the nodes", "waiting for the API server"])(
    "of kx up after %j stops what it had started",
    async (step) => {
      const up = startKx(dir, ["up"]);
      await up.told(`✓ ${step}`);
      up.child.kill("SIGKILL");
      await up.ended;
      await expect.poll(() => clusterStatus(dir), { timeout: 30_000 }).toBeUndefined();
      // Its log stays, for who wants to know; the next command on the folder removes it.
      expect(await kx(dir, "down")).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing is running") });
      await expectNothingLeft();
    },
  );

  it("of a supervisor that does not answer is ended by down", async () => {
    expect(await kx(dir, "up", "--control-plane-only")).toMatchObject({ code: 0 });
    await rm(join(dir, "control.sock"));
    expect(await kx(dir, "down")).toMatchObject({ code: 0, stdout: expect.stringContaining("SIGTERM") });
    await expectNothingLeft();
  });
});

describe("kx up", () => {
  beforeEach(prepare);
  afterEach(tidy);

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("answers %s by stopping what it had started", async (signal, code) => {
    const up = startKx(dir, ["up"]);
    await up.told("✓ making the nodes");
    up.child.kill(signal);
    expect(await up.ended).toMatchObject({ code, stderr: expect.stringContaining("interrupted") });
    expect(await clusterStatus(dir)).toBeUndefined();
    await kx(dir, "down");
    await expectNothingLeft();
  });

  it("lets one of two at the same time win", async () => {
    const both = await Promise.all([kx(dir, "up", "--control-plane-only"), kx(dir, "up", "--control-plane-only")]);
    const codes = both.map(({ code }) => code ?? -1).toSorted((a, b) => a - b);
    expect(codes, both.map(({ stderr }) => stderr).join("\n")).toEqual([0, 1]);
    expect((await status()).phase).toBe("up");
    expect(await kx(dir, "kubectl", "get", "--raw", "/readyz")).toMatchObject({ code: 0, stdout: "ok" });
    await kx(dir, "down");
    await expectNothingLeft();
  });

  it("is ended by kx down while it starts", async () => {
    const up = startKx(dir, ["up"]);
    await up.told("✓ making the nodes");
    expect((await status()).phase).toBe("starting");
    expect(await kx(dir, "down")).toMatchObject({ code: 0, stdout: expect.stringContaining("SIGTERM") });
    expect(await up.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("SIGTERM") });
    await expectNothingLeft();
  });

  it("refuses a folder with other files, and leaves it as it is", async () => {
    expect(await kx(parent, "up", "--control-plane-only")).toMatchObject({ code: 0 });
    const inUse = await kx(join(parent, "pki"), "up");
    expect(inUse).toMatchObject({ code: 1, stderr: expect.stringContaining("holds other files") });
    expect(existsSync(join(parent, "pki", "ca.crt"))).toBe(true);
    expect(existsSync(join(parent, "pki", "supervisor.log"))).toBe(false);
    expect(await kx(parent, "down")).toMatchObject({ code: 0 });
  });

  it("refuses a path that is too long for sockets", async () => {
    const long = join(parent, "x".repeat(100));
    expect(await kx(long, "up")).toMatchObject({ code: 1, stderr: expect.stringContaining("107 bytes") });
    expect(existsSync(long)).toBe(false);
  });

  it("refuses a wrong command line with exit code 2", async () => {
    expect(await kx(dir, "up", "--nodes", "ten")).toMatchObject({ code: 2, stdout: "" });
    expect(await kx(dir, "upp")).toMatchObject({ code: 2, stderr: expect.stringContaining("Did you mean up?") });
  });
});
