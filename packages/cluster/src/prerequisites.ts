import { compareVersions, minimumGo } from "./assets/toolchain.ts";
import { inspectMachine, type Machine, programPackages } from "./machine.ts";

/** Something that this machine must have. */
export interface Prerequisite {
  /** `nftables (nft)`. */
  readonly name: string;
  readonly ok: boolean;
  /** What there is, in a few words. */
  readonly found: string;
  /** What to do about it; empty where nothing is to be done. */
  readonly remedy: string;
  /** Debian and Ubuntu packages that mend it; absent where packages do not help. */
  readonly fix?: { readonly packages: readonly string[] };
  /**
   * `control-plane`: needed for `startControlPlane` and everything else; `cluster`: for nodes;
   * `dual-stack`: for nodes with IPv6; `build`: only until the programs are in the cache.
   */
  readonly neededFor: "control-plane" | "cluster" | "dual-stack" | "build";
}

/** Everything that kx needs of this machine, for `kx doctor`. */
export async function prerequisites(env: NodeJS.ProcessEnv = process.env): Promise<Prerequisite[]> {
  return judge(await inspectMachine(env));
}

const minimumNode = "22.19.0";
const gigabyte = 2 ** 30;

/** What a machine is wanted to have, compared with what it has. What only a build needs is left out once all is built. Pure. */
export function judge(machine: Machine): Prerequisite[] {
  return [...systemRows(machine), ...programRows(machine), ...(machine.binaries ? [] : buildRows(machine))];
}

type Row = Omit<Prerequisite, "remedy" | "fix"> & { readonly remedy: string; readonly packages?: readonly string[] };

function row({ packages, remedy, ...rest }: Row): Prerequisite {
  const fix = rest.ok || packages === undefined ? {} : { fix: { packages } };
  return { ...rest, remedy: rest.ok ? "" : remedy, ...fix };
}

function systemRows(machine: Machine): Prerequisite[] {
  const { platform, arch, kernel, uid, node, cgroups, freeBytes, binaries } = machine;
  const { namespaceProblem, nftProblem, ipv6Problem } = machine;
  const isRoot = uid === 0;
  const neededBytes = (binaries ? 1 : 10) * gigabyte;
  const untried = "not tried, it needs root";
  return [
    row({
      name: "Linux on x64 or arm64",
      ok: platform === "linux" && (arch === "x64" || arch === "arm64"),
      found: `${platform} ${kernel} on ${arch}`,
      remedy: "use a Linux machine, for example a virtual one",
      neededFor: "control-plane",
    }),
    row({
      name: `Node.js ${minimumNode} or newer`,
      ok: compareVersions(node.replace(/^v/, ""), minimumNode) >= 0,
      found: node,
      remedy: "install a newer Node.js",
      neededFor: "control-plane",
    }),
    row({
      name: "root",
      ok: isRoot,
      found: isRoot ? "root" : `user ${uid}`,
      remedy: "run kx as root: sudo -E env PATH=$PATH npx kx ...",
      neededFor: "cluster",
    }),
    row({
      name: "namespaces (mount, net, pid, cgroup, uts, ipc)",
      ok: isRoot && namespaceProblem === undefined && machine.programs["unshare"] !== undefined,
      found: namespaceProblem ?? (isRoot ? "can be made" : untried),
      remedy: "in a container, run it privileged; else use a kernel with namespaces",
      neededFor: "cluster",
    }),
    row({
      name: "overlay file system",
      ok: machine.overlay,
      found: machine.overlay ? "in the kernel" : "not in /proc/filesystems",
      remedy: "modprobe overlay, or use a kernel that has it",
      neededFor: "cluster",
    }),
    row({
      name: "control groups",
      ok: cgroups !== undefined,
      found: cgroups === undefined ? "none mounted at /sys/fs/cgroup" : cgroups,
      remedy: "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
      neededFor: "cluster",
    }),
    row({
      name: "nftables in the kernel",
      ok: isRoot && nftProblem === undefined && machine.programs["nft"] !== undefined,
      found:
        nftProblem ?? (isRoot ? (machine.programs["nft"] === undefined ? "not tried without nft" : "works") : untried),
      remedy: "modprobe nf_tables, or use a kernel that has it",
      neededFor: "cluster",
    }),
    row({
      name: "IPv6 in the kernel",
      ok: isRoot && ipv6Problem === undefined && machine.programs["ip"] !== undefined,
      found:
        ipv6Problem ?? (isRoot ? (machine.programs["ip"] === undefined ? "not tried without ip" : "works") : untried),
      remedy: "start the kernel without ipv6.disable=1; without IPv6, leave out --ip-families ipv4,ipv6",
      neededFor: "dual-stack",
    }),
    row({
      name: binaries ? "1 GB of free disk" : "10 GB of free disk for the first build",
      ok: freeBytes >= neededBytes,
      found: `${(freeBytes / gigabyte).toFixed(1)} GB`,
      remedy: "free some, or point XDG_CACHE_HOME (and GOCACHE, GOMODCACHE) to another disk",
      neededFor: binaries ? "control-plane" : "build",
    }),
  ];
}

/** What a control plane alone executes, too. */
const everywhere = new Set(["setpriv", "flock"]);

function programRows({ programs, staticBusybox }: Machine): Prerequisite[] {
  const rows = Object.entries(programPackages).map(([name, debianPackage]) =>
    row({
      name,
      ok: programs[name] !== undefined,
      found: programs[name] ?? "not found",
      remedy: `install ${debianPackage}`,
      packages: [debianPackage],
      neededFor: everywhere.has(name) ? "control-plane" : "cluster",
    }),
  );
  const busybox = row({
    name: "static busybox (for the image of examples and tests)",
    ok: staticBusybox,
    found: staticBusybox ? "/bin/busybox" : "no static /bin/busybox",
    remedy: "install busybox-static",
    packages: ["busybox-static"],
    neededFor: "cluster",
  });
  return [...rows, busybox];
}

function buildRows({ toolchain, certificates, osRelease }: Machine): Prerequisite[] {
  const { go, oldGo, cgoMissing } = toolchain;
  const goPackage = debianGo(osRelease);
  // gcc only recommends the C library's headers.
  const packages: Record<string, string[]> = { gcc: ["gcc", "libc6-dev"] };
  return [
    row({
      name: `Go ${minimumGo} or newer`,
      ok: go !== undefined,
      found: go === undefined ? (oldGo === undefined ? "not found" : `go${oldGo}`) : `go${go.version} (${go.path})`,
      remedy:
        goPackage === undefined
          ? "install Go from https://go.dev/dl, or set KX_ASSETS to a folder that holds the binaries"
          : `install ${goPackage}`,
      ...(goPackage === undefined ? {} : { packages: [goPackage] }),
      neededFor: "build",
    }),
    ...["gcc", "pkg-config", "libseccomp-dev"].map((name) => {
      const missing = cgoMissing.includes(name);
      // Without pkg-config nobody can say whether the library is there.
      const unknown = name === "libseccomp-dev" && cgoMissing.includes("pkg-config");
      return row({
        name: `${name} (to build runc)`,
        ok: !missing && !unknown,
        found: missing ? "not found" : unknown ? "unknown without pkg-config" : "found",
        remedy: `install ${name}`,
        packages: packages[name] ?? [name],
        neededFor: "build",
      });
    }),
    row({
      name: "CA certificates",
      ok: certificates,
      found: certificates ? "found" : "not found",
      remedy: "install ca-certificates",
      packages: ["ca-certificates"],
      neededFor: "build",
    }),
  ];
}

/** The package of a Go that is new enough: Debian has it since 13, Ubuntu since 24.04. Pure. */
export function debianGo(osRelease: string): string | undefined {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(osRelease)?.[1];
  const since: Readonly<Record<string, string>> = { debian: "13", ubuntu: "24.04" };
  const first = since[field("ID") ?? ""];
  const version = field("VERSION_ID");
  return first !== undefined && version !== undefined && compareVersions(version, first) >= 0 ? "golang-go" : undefined;
}
