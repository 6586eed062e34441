import { describe, expect, it } from "vitest";
import { type CgroupPlan, planCgroups } from "./cgroups.ts";

/** As seen on real machines; only cgroup lines matter. */
const v1Mounts = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "name=systemd"]
  .map(
    (c, i) => `${40 + i} 39 0:${30 + i} / /sys/fs/cgroup/${c.replace("name=", "")} rw,relatime - cgroup cgroup rw,${c}`,
  )
  .join("\n");
const v1Self = `9:name=systemd:/
8:pids:/
7:blkio:/
6:freezer:/
5:devices:/
4:memory:/process/b77d
3:cpuset:/
2:cpuacct:/
1:cpu:/
0::/`;
const joinedMounts = `30 25 0:27 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,release_agent=/lib/systemd/agent,name=systemd
31 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children
33 25 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 25 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
35 25 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
36 25 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
37 25 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
38 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate`;
const joinedSelf =
  "4:memory:/user.slice\n3:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/session-1.scope\n0::/user.slice";
const v2Mounts =
  "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";

function plan(self: string, mounts: string): CgroupPlan {
  const planned = planCgroups(self, mounts, "kx-1-node-1");
  if ("unusable" in planned) throw new Error(planned.unusable);
  return planned;
}

describe("planCgroups", () => {
  it("nests a node below this process in each v1 hierarchy", () => {
    const { layout, dirs, initDirs, mounts, settle } = plan(v1Self, v1Mounts);
    expect(layout).toBe("v1");
    expect(dirs).toContain("/sys/fs/cgroup/memory/process/b77d/kx-1-node-1");
    expect(dirs).toContain("/sys/fs/cgroup/systemd/kx-1-node-1");
    expect(dirs).toHaveLength(9);
    expect(initDirs).toContain("/sys/fs/cgroup/cpu/kx-1-node-1/init");
    expect(mounts.filter((step) => step.op === "mount")).toHaveLength(10);
    expect(mounts).toContainEqual({
      op: "mount",
      source: "cgroup",
      path: "/sys/fs/cgroup/systemd",
      type: "cgroup",
      data: "none,name=systemd",
    });
    expect(settle).toContainEqual({ op: "join-cgroup", path: "/sys/fs/cgroup/pids/init" });
  });

  it("keeps controllers together that the host mounts together, with a link for each", () => {
    const { dirs, mounts } = plan(joinedSelf, joinedMounts);
    expect(dirs).toContain("/sys/fs/cgroup/cpu,cpuacct/user.slice/kx-1-node-1");
    expect(dirs).toContain("/sys/fs/cgroup/systemd/user.slice/session-1.scope/kx-1-node-1");
    expect(dirs).toContain("/sys/fs/cgroup/cpuset/kx-1-node-1");
    expect(mounts).toContainEqual({ op: "symlink", source: "cpu,cpuacct", path: "/sys/fs/cgroup/cpuacct" });
    expect(mounts).toContainEqual({
      op: "mount",
      source: "cgroup",
      path: "/sys/fs/cgroup/cpu,cpuacct",
      type: "cgroup",
      data: "cpu,cpuacct",
    });
  });

  it("makes a v2 node at the root of the mount, since a cgroup with processes has no children with controllers", () => {
    const { layout, dirs, initDirs, mounts, settle } = plan("0::/user.slice/user-0.slice/session-3.scope", v2Mounts);
    expect({ layout, dirs, initDirs }).toEqual({
      layout: "v2",
      dirs: ["/sys/fs/cgroup/kx-1-node-1"],
      initDirs: ["/sys/fs/cgroup/kx-1-node-1/init"],
    });
    expect(mounts).toEqual([{ op: "mount", source: "cgroup2", path: "/sys/fs/cgroup", type: "cgroup2" }]);
    expect(settle).toEqual([
      { op: "mkdir", path: "/sys/fs/cgroup/init", mode: 0o755 },
      { op: "join-cgroup", path: "/sys/fs/cgroup/init" },
    ]);
  });

  it("counts from the part of a hierarchy that a container's mount shows", () => {
    const narrowed = v1Mounts.replace(/ \/ (\/sys\/fs\/cgroup\/memory )/, " /process/b77d $1");
    expect(plan(v1Self, narrowed).dirs).toContain("/sys/fs/cgroup/memory/kx-1-node-1");
  });

  it("says what a host lacks", () => {
    const without = v1Mounts
      .split("\n")
      .filter((line) => !line.includes("devices"))
      .join("\n");
    expect(planCgroups(v1Self, without, "x")).toEqual({ unusable: "cgroup v1 hierarchies are not mounted: devices" });
    expect(planCgroups("", "", "x")).toEqual({ unusable: "no cgroup hierarchy is mounted" });
  });
});
