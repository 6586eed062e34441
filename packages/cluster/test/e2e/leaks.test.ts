import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { diffSnapshots, expectNoLeaks, type Leak, type LeakKind, takeSnapshot } from "@kx/cluster/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const sh = (command: string, ...args: string[]) => run(command, args, { encoding: "utf8" });

const isRoot = process.getuid?.() === 0;
const mustRun = process.env["CI"] === "true";
if (!isRoot && !mustRun) console.warn("skipped: planting leaks of each kind needs root");

/** Names that no other run uses, short enough for a link. */
const unique = `kxl${process.pid}`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-leaks-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Makes a leak and returns what undoes it, and the words by which it is known. */
type Plant = () => Promise<{ readonly name: string; readonly undo: () => unknown }>;

/** Where this process may make a cgroup: a v1 hierarchy or the v2 one. */
function cgroupFolder(): string {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((text) => text.split(" "))
    .find((fields) => {
      const type = fields[fields.indexOf("-", 6) + 1];
      return (type === "cgroup" || type === "cgroup2") && !fields[5]?.split(",").includes("ro");
    });
  if (line?.[4] === undefined) throw new Error("no writable cgroup hierarchy is mounted");
  return line[4];
}

async function until<T>(read: () => T | undefined): Promise<T> {
  let value: T | undefined;
  await expect.poll(() => (value = read()), { timeout: 10_000, interval: 20 }).toBeDefined();
  if (value === undefined) throw new Error("not reached");
  return value;
}

const plants: Record<LeakKind, Plant> = {
  process: async () => {
    const child = spawn("unshare", ["--pid", "--fork", "--kill-child", "sleep", "100000"], { stdio: "ignore" });
    const pid = await until(() => {
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
      return children !== "" && readFileSync(`/proc/${children}/cmdline`, "utf8").startsWith("sleep")
        ? children
        : undefined;
    });
    return {
      name: pid,
      undo: async () => {
        child.kill("SIGKILL");
        await once(child, "exit");
      },
    };
  },
  mount: async () => {
    const target = join(folder, "mount");
    mkdirSync(target);
    // Without --no-mtab, mount(8) and umount(8) themselves leave /run/mount on a machine that has none.
    await sh("mount", "--no-mtab", "-t", "tmpfs", unique, target);
    return { name: target, undo: () => sh("umount", "--no-mtab", target) };
  },
  link: async () => {
    await sh("ip", "link", "add", unique, "type", "bridge");
    return { name: unique, undo: () => sh("ip", "link", "del", unique) };
  },
  route: async () => {
    const route = ["unreachable", "198.51.100.77/32", "metric", String(process.pid)];
    await sh("ip", "route", "add", ...route);
    return { name: "198.51.100.77", undo: () => sh("ip", "route", "del", ...route) };
  },
  "network-namespace": async () => {
    const file = join(folder, "netns");
    await writeFile(file, "");
    await sh("unshare", `--net=${file}`, "true");
    return { name: "net:[", undo: () => sh("umount", "--no-mtab", file) };
  },
  cgroup: async () => {
    const path = join(cgroupFolder(), unique);
    mkdirSync(path);
    return { name: path, undo: () => rmdirSync(path) };
  },
  "loop-device": async () => {
    const file = join(folder, "disk");
    await writeFile(file, Buffer.alloc(1 << 20));
    const device = (await sh("losetup", "--find", "--show", file)).stdout.trim();
    return { name: device, undo: () => sh("losetup", "--detach", device) };
  },
  nft: async () => {
    await sh("nft", "add", "table", "inet", unique);
    return { name: unique, undo: () => sh("nft", "delete", "table", "inet", unique) };
  },
  setting: async () => {
    const path = "/proc/sys/kernel/panic";
    const value = readFileSync(path, "utf8").trim();
    writeFileSync(path, String(Number(value) + 1));
    return { name: "kernel.panic", undo: () => writeFileSync(path, value) };
  },
  socket: async () => {
    const path = join(folder, "s.sock");
    const server = createServer().listen(path);
    await once(server, "listening");
    return {
      name: path,
      undo: async () => {
        server.close();
        await once(server, "close");
      },
    };
  },
  file: async () => {
    const path = join("/run", unique);
    await writeFile(path, "");
    return { name: path, undo: () => rm(path) };
  },
};

/** Other work on this machine may end meanwhile, and the kernel makes links' routes on its own time: added is ours. */
const added = ({ change }: Leak) => change !== "removed";

describe.runIf(isRoot || mustRun)("the leak check", () => {
  it("can look at every kind here", async () => {
    const { skipped, facts } = await takeSnapshot();
    expect([...skipped]).toEqual([]);
    expect([...facts.keys()].toSorted()).toEqual(Object.keys(plants).toSorted());
  });

  it.each(Object.entries(plants))("reports a planted %s, that alone, until it is gone", async (kind, plant) => {
    const before = await takeSnapshot();
    const { name, undo } = await plant();
    try {
      const leaks = diffSnapshots(before, await takeSnapshot()).filter(added);
      expect(leaks).toEqual([expect.objectContaining({ kind })]);
      expect(leaks[0]?.name).toContain(name);
      await expect(expectNoLeaks(before, { timeoutMs: 0 })).rejects.toMatchObject({
        code: "KX_CLUSTER_LEAK",
        reason: expect.stringContaining(name) as unknown,
      });
    } finally {
      await undo();
    }
    await expectNoLeaks(before, { ignore: (leak) => !added(leak) });
  });

  it("counts a process of the host's namespaces by its marker", async () => {
    const marker = join(folder, "state");
    const before = await takeSnapshot({ markers: [marker] });
    const unscoped = await takeSnapshot();
    const child = spawn("sh", ["-c", "read line", marker], { stdio: ["pipe", "ignore", "ignore"] });
    await once(child, "spawn");
    try {
      const leaks = diffSnapshots(before, await takeSnapshot(before.scope));
      expect(leaks).toEqual([
        expect.objectContaining({ kind: "process", name: expect.stringContaining(String(child.pid)) as unknown }),
      ]);
      expect(diffSnapshots(unscoped, await takeSnapshot())).toEqual([]);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await expectNoLeaks(before);
  });
});
