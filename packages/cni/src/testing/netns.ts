import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KxError } from "@kx/core";
import { readMountInfo, unmountNow } from "@kx/core/linux";

const execute = promisify(execFile);

/** A network namespace for tests. It needs root, and `unshare`, `nsenter` and `ip`. */
export interface TestNetns extends AsyncDisposable {
  /** Path that stands for it, such as CNI_NETNS holds. */
  readonly path: string;
  /** Number by which the kernel knows it. */
  readonly inode: number;
  /**
   * Runs a program in it and gives what it prints.
   *
   * @throws KxError `KX_CNI_TESTING` with what the program printed as errors.
   */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** The links as `ip -json -details link` shows them, without those that the kernel puts into each namespace. */
  links(): Promise<readonly ShownLink[]>;
  /** Addresses of one link, but for those that the kernel makes up itself: `10.1.0.5/16`. */
  addresses(link: string): Promise<readonly string[]>;
  /** The routes of the main table as `ip route` shows them, without what the kernel adds by itself. */
  routes(family?: 4 | 6): Promise<readonly string[]>;
  /** Removes the namespace. What is in it goes with it, unless a process still runs there. */
  dispose(): Promise<void>;
}

/** A link as ip(8) shows it: a part of its fields. */
export interface ShownLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly operstate: string;
  readonly group: string;
  readonly master?: string;
  readonly promiscuity?: number;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_kind?: string;
    readonly info_slave_data?: Readonly<Record<string, unknown>>;
  };
}

/** Makes a network namespace with its loopback up. */
export async function makeNetns(name = "netns"): Promise<TestNetns> {
  const folder = mkdtempSync(join(tmpdir(), "kx-netns-"));
  const path = join(folder, name);
  writeFileSync(path, "");
  const dispose = async () => {
    await unmountAll(path);
    unlinkSync(path);
    rmdirSync(folder);
  };
  try {
    await command("unshare", [`--net=${path}`, "true"]);
    const own = netnsAt(path, dispose);
    await own.run("ip", "link", "set", "lo", "up");
    return own;
  } catch (error) {
    await dispose();
    throw error;
  }
}

function netnsAt(path: string, dispose: () => Promise<void>): TestNetns {
  const run = (program: string, ...args: readonly string[]) => command("nsenter", [`--net=${path}`, program, ...args]);
  const json = async <T>(...args: readonly string[]) => JSON.parse((await run("ip", "-json", ...args)) || "[]") as T;
  let isThere = true;
  return {
    path,
    inode: statSync(path).ino,
    run,
    links: async () =>
      (await json<readonly ShownLink[]>("-details", "link")).filter(({ ifname }) => !kernelLinks.test(ifname)),
    async addresses(link) {
      const [shown] = await json<readonly { addr_info: readonly ShownAddress[] }[]>("address", "show", "dev", link);
      const own = shown?.addr_info.filter(({ protocol }) => protocol !== "kernel_ll") ?? [];
      return own
        .filter(({ local }) => !local.startsWith("fe80:"))
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    },
    async routes(family = 4) {
      const lines = (await run("ip", `-${family}`, "route")).split("\n").map((line) => line.trim());
      return lines.filter((line) => line !== "" && !line.includes("proto kernel"));
    },
    async dispose() {
      if (isThere) await dispose();
      isThere = false;
    },
    async [Symbol.asyncDispose]() {
      await this.dispose();
    },
  };
}

interface ShownAddress {
  readonly local: string;
  readonly prefixlen: number;
  readonly protocol?: string;
}

// The loopback, and what modules of the kernel put into every new namespace.
const kernelLinks =
  /^(lo|(ip6?)?(tunl|gre|gretap|erspan|sit|vti|tnl|_vti|6_vti|6tnl|6gre)\d|ip6tnl0|ip_vti0|ip6_vti0)$/;

/** Everything of a network namespace that a test may have left behind, as lines to compare. */
export async function netnsContents(netns: Pick<TestNetns, "run" | "links">): Promise<readonly string[]> {
  const [links, rules] = [await netns.links(), await netns.run("nft", "list", "tables")];
  return [
    ...links.map(({ ifname, linkinfo }) => `link ${ifname} ${linkinfo?.info_kind ?? ""}`.trim()),
    ...rules.split("\n").filter((line) => line !== ""),
  ].toSorted();
}

/** The network namespaces that processes are in, or that are mounted somewhere, as the numbers of their inodes. */
export async function liveNetns(): Promise<ReadonlySet<string>> {
  const mounted = (await readMountInfo()).filter(({ fsType, root }) => fsType === "nsfs" && root.startsWith("net:["));
  const ofThreads = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => netnsOf(`/proc/${pid}`));
  return new Set([...mounted.map(({ root }) => root.slice(5, -1)), ...ofThreads]);
}

/** The network namespace of each thread of a process: of a healthy one all are the same. */
export function threadNetns(pid: number | "self" = "self"): ReadonlySet<string> {
  return new Set(readdirSync(`/proc/${pid}/task`).flatMap((thread) => netnsOf(`/proc/${pid}/task/${thread}`)));
}

function netnsOf(folder: string): readonly string[] {
  try {
    return [String(statSync(join(folder, "ns/net")).ino)];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

async function unmountAll(path: string): Promise<void> {
  const mounts = (await readMountInfo()).filter(({ mountPoint }) => mountPoint === path);
  for (const _ of mounts) unmountNow(path, { lazy: true });
}

async function command(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await execute(program, args, { encoding: "utf8", maxBuffer: 1 << 26 })).stdout;
  } catch (cause) {
    const stderr = (cause as { readonly stderr?: string }).stderr?.trim() ?? "";
    throw new KxError("KX_CNI_TESTING", `${[program, ...args].join(" ")}: ${stderr || KxError.from(cause).reason}`, {
      cause,
    });
  }
}
