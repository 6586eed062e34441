import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUp, clusterStatus, startCluster } from "@kx/cluster";
import { expectNoLeaks, takeSnapshot } from "@kx/cluster/testing";
import { describe, expect, it } from "vitest";
import { eventually } from "./eventually.ts";

const program = `
  import { startCluster } from "@kx/cluster";
  const cluster = await startCluster({ dir: process.argv[1], onProgress: ({ step, state }) => console.log(step, state) });
  // A loop device that nobody detaches.
  await cluster.nodes[0].exec("sh", ["-c", "truncate -s 1M /var/disk && losetup -f /var/disk"]);
  console.log("up");
  setInterval(() => {}, 1e6);
`;

/** Starts a cluster in another process and waits until it prints a line. */
async function startUntil(dir: string, line: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, dir], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output}`);
    return output.includes(line) ? true : undefined;
  }, 60_000);
  return child;
}

describe("SIGKILL of the process that holds", () => {
  it.each(["holder", "node-1/init"])(
    "all or a node's namespaces (%s) ends the cluster and removes all of it",
    async (name) => {
      const before = await takeSnapshot();
      const cluster = await startCluster();
      const holding = (await cluster.processes()).find((process) => process.name === name);
      process.kill(holding?.pid ?? 0, "SIGKILL");
      await eventually(async () => (existsSync(cluster.dir) ? undefined : true));
      await expectNoLeaks(before, { timeoutMs: 15_000 });
    },
  );
});

describe("SIGKILL of a cluster's owner", () => {
  // At every step of a start, and when it is up.
  const moments = [
    "making certificates and namespaces started",
    "making certificates and namespaces done",
    "making the nodes started",
    "waiting for the API server started",
    "waiting for the nodes to be Ready started",
    "up",
  ];
  it.each(moments)("at %j leaves no process, and the next use of the folder removes the rest", async (moment) => {
    const before = await takeSnapshot();
    const parent = await mkdtemp(join(tmpdir(), "kxk-"));
    const dir = join(parent, "c");
    try {
      const owner = await startUntil(dir, moment);
      owner.kill("SIGKILL");
      await eventually(async () => ((await clusterStatus(dir))?.phase === "crashed" ? true : undefined));
      await cleanUp(dir);
      expect(existsSync(join(dir, "state.json"))).toBe(false);
      await expectNoLeaks(before, { timeoutMs: 15_000 });
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  });
});
