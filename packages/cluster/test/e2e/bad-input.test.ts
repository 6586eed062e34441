import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClusterOptions, connectCluster, startCluster } from "@kx/cluster";
import { expectNoLeaks, type HostSnapshot, takeSnapshot } from "@kx/cluster/testing";
import { KxError } from "@kx/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

describe("a start that cannot succeed says why and what to do, and leaves nothing", () => {
  let parent: string;
  let before: HostSnapshot;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "kxb-"));
    before = await takeSnapshot();
  });
  afterEach(async () => {
    await expectNoLeaks(before, { timeoutMs: 15_000 });
    await rm(parent, { recursive: true, force: true });
  });

  async function failure(options: ClusterOptions): Promise<KxError> {
    const outcome = await startCluster(options).then(
      async (cluster) => {
        await cluster.stop();
        return "it started";
      },
      (error: unknown) => error,
    );
    expect(KxError.is(outcome), String(outcome)).toBe(true);
    return outcome as KxError;
  }

  it("a number of nodes out of range", async () => {
    expect(await failure({ nodes: 12 })).toMatchObject({ code: "KX_CLUSTER_OPTION", reason: "nodes is 12" });
  });

  it("families of addresses without IPv4", async () => {
    const reason = "ipFamilies is ipv6";
    expect(await failure({ ipFamilies: ["ipv6"] })).toMatchObject({ code: "KX_CLUSTER_OPTION", reason });
  });

  it("a folder whose sockets would have too long paths", async () => {
    const dir = join(parent, "x".repeat(100));
    expect(await failure({ dir })).toMatchObject({ code: "KX_CLUSTER_DIR", reason: expect.stringContaining("107") });
  });

  it("a folder that holds somebody's files, which stay", async () => {
    await writeFile(join(parent, "thesis.txt"), "years");
    expect(await failure({ dir: parent })).toMatchObject({ code: "KX_CLUSTER_DIR" });
    expect(await readdir(parent)).toEqual(["thesis.txt"]);
  });

  it("a folder that a running cluster owns", async () => {
    const cluster = await startCluster({ dir: join(parent, "c") });
    try {
      const error = await failure({ dir: join(parent, "c") });
      expect(error).toMatchObject({ code: "KX_CLUSTER_RUNNING", remedy: expect.stringContaining("kx down") });
      expect((await cluster.kubectl(["get", "--raw", "/readyz"])).stdout).toBe("ok");
    } finally {
      await cluster.stop();
    }
  });

  it("a folder on a full disk", async () => {
    const disk = join(parent, "disk");
    await mkdir(disk);
    execFileSync("mount", ["--no-mtab", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]);
    try {
      const error = await failure({ dir: join(disk, "c") });
      expect(error.message).toMatch(/no space/i);
      expect(await readdir(join(disk, "c"))).toEqual([]);
    } finally {
      execFileSync("umount", ["--no-mtab", disk]);
    }
  });

  it("a version that cannot be had", async () => {
    const error = await failure({ kubernetesVersion: "1.2.3", dir: join(parent, "c") });
    expect(error.message).toContain("1.2.3");
  });

  it("a program that is missing", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = parent;
    try {
      expect(await failure({ dir: join(parent, "c") })).toMatchObject({
        code: "KX_CLUSTER_HOST",
        remedy: expect.stringContaining("kx doctor"),
      });
    } finally {
      process.env["PATH"] = path;
    }
  });

  it("a kubelet that refuses its configuration", { timeout: 180_000 }, async () => {
    const error = await failure({ dir: join(parent, "c"), kubelet: { authorization: { mode: "Nonsense" } } });
    expect(error.message).toMatch(/node-1\/kubelet ended with.*Nonsense/s);
  });

  it.each(["making the nodes", "waiting for the API server"])("an abort while %s", async (moment) => {
    const controller = new AbortController();
    const started = startCluster({
      dir: join(parent, "c"),
      signal: controller.signal,
      onProgress: ({ step, state }) => {
        if (step === moment && state === "started") controller.abort(new Error("enough"));
      },
    });
    await expect(started).rejects.toThrow("enough");
    expect(existsSync(join(parent, "c/state.json"))).toBe(false);
  });

  it("a connection to a cluster that is not there", async () => {
    await expect(connectCluster(join(parent, "none"))).rejects.toMatchObject({ code: "KX_CLUSTER_NOT_RUNNING" });
  });
});
