import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Facts } from "./host-snapshot.ts";

/** Settings that the kubelet, kube-proxy and network plug-ins write, as paths under /proc/sys. */
const settings = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "kernel/keys/root_maxbytes",
  "net/ipv4/ip_forward",
  "net/ipv6/conf/all/forwarding",
];

/** Folders whose settings are all compared; they exist only while their kernel module is loaded. */
const settingFolders: readonly (readonly [folder: string, name: RegExp])[] = [
  ["net/bridge", /./],
  // Their current number of connections and what follows from the machine's size are nobody's setting.
  ["net/netfilter", /^nf_conntrack_(?!count$|buckets$)/],
];

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Reads the kernel settings that count; those that do not exist or may not be read are left out. */
export function readSettings(): Facts {
  const paths = [
    ...settings,
    ...settingFolders.flatMap(([folder, pattern]) =>
      namesIn(join("/proc/sys", folder))
        .filter((name) => pattern.test(name))
        .map((name) => `${folder}/${name}`),
    ),
  ];
  return new Map(
    paths.flatMap((path) => {
      const value = readOr(join("/proc/sys", path));
      return value === undefined ? [] : [[path.replaceAll("/", "."), value] as const];
    }),
  );
}

/** Reads the loop devices in use, with the files behind them. */
export function readLoopDevices(): Facts {
  return new Map(
    namesIn("/sys/block")
      .filter((name) => name.startsWith("loop"))
      .flatMap((name) => {
        const file = readOr(`/sys/block/${name}/loop/backing_file`);
        return file === undefined ? [] : [[`/dev/${name}`, file] as const];
      }),
  );
}

const systemFolders = ["/etc", "/opt", "/run", "/usr", "/var/lib"];

/** Reads the names in the system's folders, one level, and in further ones. */
export function readFolders(further: readonly string[]): Facts {
  return new Map(
    [...systemFolders, ...further].flatMap((folder) =>
      namesIn(folder).map((name) => [join(folder, name), ""] as const),
    ),
  );
}
