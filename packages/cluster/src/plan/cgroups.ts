import type { Step } from "./step.ts";

/** One mounted cgroup hierarchy. */
interface Hierarchy {
  readonly mountPoint: string;
  /** What part of the hierarchy the mount shows. */
  readonly root: string;
  /** v1: controllers or `name=systemd`; v2: empty. */
  readonly names: readonly string[];
  readonly version: 1 | 2;
}

/** How a node's cgroups are made: folders on the host, and the steps that show them inside the node. */
export interface CgroupPlan {
  readonly layout: "v1" | "v2";
  /** The node's own folders on the host, one per hierarchy; the node sees them as its roots. */
  readonly dirs: readonly string[];
  /** Folders for the node's own processes, which must not sit in a root that has children (host paths). */
  readonly initDirs: readonly string[];
  /** What shows them inside the node. */
  readonly mounts: readonly Step[];
  /** What moves PID 1 out of the root, after `mounts`. */
  readonly settle: readonly Step[];
}

/** The v1 controllers without which a kubelet does not start, and the named hierarchy that it looks for. */
const needed = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"];

/**
 * Plans a node's cgroups from the texts of /proc/self/cgroup and /proc/self/mountinfo. A node nests below the cgroup
 * of this process where the layout allows it. Returns a reason instead if the host cannot carry a node.
 */
export function planCgroups(selfCgroup: string, mountinfo: string, name: string): CgroupPlan | { unusable: string } {
  const hierarchies = parseMounts(mountinfo);
  const own = ownPaths(selfCgroup);
  const v1 = hierarchies.filter((h) => h.version === 1);
  if (v1.some((h) => h.names.includes("memory"))) return planV1(v1, own, name);
  const v2 = hierarchies.find((h) => h.version === 2);
  if (v2) return planV2(v2, name);
  return { unusable: "no cgroup hierarchy is mounted" };
}

function planV1(hierarchies: Hierarchy[], own: Map<string, string>, name: string): CgroupPlan | { unusable: string } {
  const present = new Set(hierarchies.flatMap((h) => h.names));
  const missing = [...needed, "name=systemd"].filter((n) => !present.has(n));
  if (missing.length > 0) return { unusable: `cgroup v1 hierarchies are not mounted: ${missing.join(", ")}` };
  const dirs = hierarchies.map((h) => below(h, own.get(h.names.join(",")) ?? "/", name));
  const folder = (h: Hierarchy): string => h.names.join(",").replace("name=", "");
  return {
    layout: "v1",
    dirs,
    initDirs: dirs.map((d) => `${d}/init`),
    mounts: [
      { op: "mount", source: "tmpfs", path: "/sys/fs/cgroup", type: "tmpfs", data: "mode=755" },
      ...hierarchies.flatMap((h): Step[] => {
        const at = `/sys/fs/cgroup/${folder(h)}`;
        const data = h.names.map((n) => (n.startsWith("name=") ? `none,${n}` : n)).join(",");
        return [
          { op: "mkdir", path: at, mode: 0o755 },
          { op: "mount", source: "cgroup", path: at, type: "cgroup", data },
          ...(h.names.length > 1
            ? h.names.map((n): Step => ({ op: "symlink", source: folder(h), path: `/sys/fs/cgroup/${n}` }))
            : []),
        ];
      }),
    ],
    settle: hierarchies.flatMap((h): Step[] => {
      const at = `/sys/fs/cgroup/${folder(h)}/init`;
      return [
        { op: "mkdir", path: at, mode: 0o755 },
        { op: "join-cgroup", path: at },
      ];
    }),
  };
}

/**
 * In v2 a cgroup with processes cannot hand controllers to children, the root apart (cgroups(7), "no internal
 * processes"): so a node is made at the root of what is mounted, not below this process.
 */
function planV2(hierarchy: Hierarchy, name: string): CgroupPlan {
  const dir = `${hierarchy.mountPoint}/${name}`;
  return {
    layout: "v2",
    dirs: [dir],
    initDirs: [`${dir}/init`],
    mounts: [{ op: "mount", source: "cgroup2", path: "/sys/fs/cgroup", type: "cgroup2" }],
    settle: [
      { op: "mkdir", path: "/sys/fs/cgroup/init", mode: 0o755 },
      { op: "join-cgroup", path: "/sys/fs/cgroup/init" },
    ],
  };
}

function below(h: Hierarchy, own: string, name: string): string {
  // Inside a cgroup namespace or a container the mount shows only a part of the hierarchy.
  const relative = h.root !== "/" && own.startsWith(h.root) ? own.slice(h.root.length) : own;
  return `${h.mountPoint}${relative === "/" ? "" : relative}/${name}`;
}

/** Lines of proc_pid_mountinfo(5): `id parent dev root mountpoint options ... - type source superoptions`. */
function parseMounts(mountinfo: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    const [type, , superOptions] = (right ?? "").split(" ");
    const [, , , root = "/", mountPoint = ""] = (left ?? "").split(" ");
    if (type === "cgroup2") found.push({ mountPoint, root, names: [], version: 2 });
    if (type !== "cgroup" || superOptions === undefined) continue;
    const names = superOptions.split(",").filter((o) => !notNames.has(o) && !o.startsWith("release_agent="));
    const known = found.some((h) => h.version === 1 && h.names.join() === names.join());
    if (names.length > 0 && !known) found.push({ mountPoint, root, names, version: 1 });
  }
  return found;
}

const notNames = new Set(["rw", "ro", "xattr", "clone_children", "cpuset_v2_mode", "noprefix", "seclabel", "none"]);

/** `/proc/self/cgroup` as a map of controllers (as listed there) to paths. */
function ownPaths(selfCgroup: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of selfCgroup.split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match) paths.set(match[1] ?? "", match[2] ?? "/");
  }
  return paths;
}
