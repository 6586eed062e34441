import { execFile } from "node:child_process";
import { access, open, readFile, statfs } from "node:fs/promises";
import { homedir, release } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findAssets } from "./assets/ensure.ts";
import { findProgram, systemDirs } from "./assets/programs.ts";
import { findToolchain, type Toolchain } from "./assets/toolchain.ts";

/** The control group layouts that kx can run on. */
export type CgroupLayout = "v1" | "v2" | "hybrid";

/** What was found on this machine; what is wanted of it is decided elsewhere. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly kernel: string;
  readonly uid: number;
  /** `v24.21.0`. */
  readonly node: string;
  /** Text of /etc/os-release; empty if there is none. */
  readonly osRelease: string;
  readonly apt: boolean;
  /** Paths by name, of those that were found. */
  readonly programs: Readonly<Record<string, string>>;
  readonly staticBusybox: boolean;
  /** Why new namespaces cannot be made; undefined if they can, or if this is not root. */
  readonly namespaceProblem?: string;
  /** Why nftables cannot be used; undefined if it can, or if it was not tried. */
  readonly nftProblem?: string;
  /** Why a new network namespace has no IPv6; undefined if it has, or if it was not tried. */
  readonly ipv6Problem?: string;
  readonly overlay: boolean;
  readonly cgroups: CgroupLayout | undefined;
  readonly toolchain: Toolchain;
  readonly certificates: boolean;
  /** Whether all programs of a cluster are there already. */
  readonly binaries: boolean;
  /** Bytes that are free where the cache is, or will be. */
  readonly freeBytes: number;
}

/** Programs that are executed, and the Debian package each comes from. */
export const programPackages: Readonly<Record<string, string>> = {
  setpriv: "util-linux",
  flock: "util-linux",
  unshare: "util-linux",
  nsenter: "util-linux",
  mount: "mount",
  ip: "iproute2",
  nft: "nftables",
  iptables: "iptables",
};

const execute = promisify(execFile);

/** Looks at this machine. Namespaces, nftables and IPv6 are tried out, in namespaces that end with the trial. */
export async function inspectMachine(env: NodeJS.ProcessEnv = process.env): Promise<Machine> {
  const uid = process.getuid?.() ?? -1;
  const programs: Record<string, string> = {};
  for (const name of Object.keys(programPackages)) {
    const path = await findProgram(name, env, systemDirs);
    if (path !== undefined) programs[name] = path;
  }
  const { unshare, nft, ip } = programs;
  const isRoot = uid === 0;
  const all = ["--mount", "--net", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--mount-proc", "true"];
  const namespaceProblem = isRoot && unshare ? await problem(unshare, all) : undefined;
  const nftArgs = ["--net", nft ?? "", "add", "table", "inet", "kx_probe"];
  const nftProblem = isRoot && unshare && nft && !namespaceProblem ? await problem(unshare, nftArgs) : undefined;
  const ipv6Args = ["--net", ip ?? "", "addr", "add", "fd00::1/128", "dev", "lo"];
  const ipv6Problem = isRoot && unshare && ip && !namespaceProblem ? await problem(unshare, ipv6Args) : undefined;
  return {
    platform: process.platform,
    arch: process.arch,
    kernel: release(),
    uid,
    node: process.version,
    osRelease: await text("/etc/os-release"),
    apt: (await findProgram("apt-get", env, systemDirs)) !== undefined,
    programs,
    staticBusybox: await isStaticProgram("/bin/busybox"),
    ...(namespaceProblem === undefined ? {} : { namespaceProblem }),
    ...(nftProblem === undefined ? {} : { nftProblem }),
    ...(ipv6Problem === undefined ? {} : { ipv6Problem }),
    overlay: await hasOverlay(await text("/proc/filesystems")),
    cgroups: cgroupLayout(await text("/proc/self/mountinfo")),
    toolchain: await findToolchain(env, undefined),
    certificates: await hasCertificates(env),
    binaries: await hasBinaries(env),
    freeBytes: await freeBytes(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache")),
  };
}

/** The layout of the mounted control groups. Pure. @param mountinfo - text of /proc/self/mountinfo */
export function cgroupLayout(mountinfo: string): CgroupLayout | undefined {
  const kinds = new Set<string>();
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    if (before.split(" ")[4]?.startsWith("/sys/fs/cgroup") !== true) continue;
    const [type = "", , superOptions = ""] = after.split(" ");
    // The named hierarchy of systemd alone controls nothing.
    if (type === "cgroup2" || (type === "cgroup" && !superOptions.includes("name="))) kinds.add(type);
  }
  if (kinds.size === 2) return "hybrid";
  return kinds.has("cgroup2") ? "v2" : kinds.has("cgroup") ? "v1" : undefined;
}

/** Whether an ELF file needs no dynamic loader: it has no PT_INTERP program header. Pure. */
export function isStaticElf(file: Buffer): boolean {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) return false;
  const offset = Number(file.readBigUInt64LE(32));
  const size = file.readUInt16LE(54);
  const count = file.readUInt16LE(56);
  for (let i = 0; i < count; i++) {
    const at = offset + i * size;
    if (at + 4 > file.length || file.readUInt32LE(at) === 3) return false;
  }
  return true;
}

async function isStaticProgram(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(4096) });
    return isStaticElf(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

async function problem(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await execute(program, args, { timeout: 10_000 });
    return undefined;
  } catch (error) {
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    return stderr.split("\n")[0] || String(error);
  }
}

/** A kernel that has overlayfs as a module loads it at the first mount. */
async function hasOverlay(filesystems: string): Promise<boolean> {
  if (/\boverlay$/m.test(filesystems)) return true;
  return exists(`/lib/modules/${release()}/kernel/fs/overlayfs`);
}

/** Where Go looks for the certificates of authorities; without them no module can be fetched. */
async function hasCertificates(env: NodeJS.ProcessEnv): Promise<boolean> {
  const files = [
    env["SSL_CERT_FILE"] ?? "",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
  ];
  for (const file of files) if (file !== "" && (await exists(file))) return true;
  return false;
}

async function hasBinaries(env: NodeJS.ProcessEnv): Promise<boolean> {
  const found = await findAssets({ env }).catch(() => undefined);
  return found !== undefined;
}

async function freeBytes(path: string): Promise<number> {
  for (let dir = path; ; dir = dirname(dir)) {
    const found = await statfs(dir).catch(() => undefined);
    if (found !== undefined) return found.bavail * found.bsize;
    if (dir === "/" || dir === ".") return 0;
  }
}

async function text(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
