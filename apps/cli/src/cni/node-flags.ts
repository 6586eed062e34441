import { type Command, InvalidArgumentError, Option } from "commander";
import type { Format } from "../output.ts";

/** Flags of commands that put kx's plug-ins on this machine. */
export interface PlaceFlags {
  readonly binDir: string;
  readonly prefix: string;
  readonly network: string;
  readonly output?: Format;
}

/** Flags of `kx cni install`. */
export interface InstallFlags extends PlaceFlags {
  readonly confDir?: string;
  readonly plain?: boolean;
  readonly fallback: boolean;
  readonly subnet?: readonly string[];
  readonly bridge?: string;
  readonly mtu?: number;
  readonly statusPolicy: "ready-once" | "strict";
}

/** Flags of `kx cni uninstall`. */
export interface UninstallFlags extends PlaceFlags {
  readonly confDir: string;
  readonly cacheDir: string;
  readonly socket?: string;
  readonly drainLater?: boolean;
  readonly force?: boolean;
}

/** Flags of `kx cni daemon`. */
export interface DaemonFlags {
  readonly socket?: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** What the commands about this machine do; each resolves to an exit code. */
export interface CniNodeActions {
  install(flags: InstallFlags): Promise<number>;
  uninstall(flags: UninstallFlags): Promise<number>;
  daemon(flags: DaemonFlags): Promise<number>;
}

const subnetNote = "one for IPv4, one for IPv6, or both (default: 10.244.0.0/24); no two nodes may share one";

/** Adds `kx cni install`, `uninstall` and `daemon`. `done` is told the exit code of the command that ran. */
export function addCniNodeCommands(cni: Command, actions: CniNodeActions, done: (code: number) => void): void {
  withPlaces(cni.command("install").description("put kx's plug-ins on this machine, also while they are used"))
    .option("--conf-dir <folder>", "write the network's configuration there, last (default: none is written)")
    .option("--plain", "the Node program under all names: slower, and no daemon is asked")
    .option("--no-fallback", "without Node.js and the program for when no daemon answers (120 MB)")
    .option("--subnet <range...>", `where the addresses of this node's pods come from: ${subnetNote}`)
    .option("--bridge <name>", "what pods are attached to (default: cni0)")
    .option("--mtu <bytes>", "of the bridge and the pods' interfaces (default: the kernel's)", parseMtu)
    .addOption(
      new Option("--status-policy <policy>", "what STATUS tells: `strict`, or success once it has succeeded")
        .choices(["ready-once", "strict"])
        .default("ready-once"),
    )
    .addHelpText(
      "after",
      examples("kx cni install", "kx cni install --conf-dir /etc/cni/net.d --subnet 10.244.1.0/24 fd00:1::/64"),
    )
    .action(async (flags: InstallFlags) => done(await actions.install(flags)));
  withPlaces(cni.command("uninstall").description("take kx's plug-ins and their configuration off this machine"))
    .option("--conf-dir <folder>", "where networks are described", "/etc/cni/net.d")
    .option("--cache-dir <folder>", "where attachments are remembered", "/var/lib/cni")
    .option("--socket <path>", "the daemon's, whose state goes too (default: $KX_CNI_SOCKET, or /run/kx/cni.sock)")
    .addOption(
      new Option("--drain-later", "attach nothing any more, and go with the last pod, by its DEL").conflicts("force"),
    )
    .option("--force", "take the network from pods that are attached")
    .addHelpText("after", examples("kx cni uninstall", "kx cni uninstall --drain-later"))
    .action(async (flags: UninstallFlags) => done(await actions.uninstall(flags)));
  cni
    .command("daemon")
    .description("do the plug-ins' work until a signal; the node agent does that by itself")
    .option("--socket <path>", "where plug-ins find it (default: $KX_CNI_SOCKET, or /run/kx/cni.sock)")
    .addOption(
      new Option("--log-level <level>", "least level of lines on standard error")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .addHelpText("after", examples("kx cni daemon", "kx cni daemon --socket /run/acme/cni.sock --log-level debug"))
    .action(async (flags: DaemonFlags) => done(await actions.daemon(flags)));
}

function withPlaces(command: Command): Command {
  return command
    .option("--bin-dir <folder>", "where the container runtime looks for plug-ins", "/opt/cni/bin")
    .option("--prefix <folder>", "where kx's own files go", "/opt/kx")
    .option("--network <name>", "the network's name; its file is 10-<name>.conflist", "kx")
    .addOption(new Option("-o, --output <format>", "print data instead of text").choices(["json", "yaml"]));
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

function parseMtu(text: string): number {
  const mtu = Number(text);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) throw new InvalidArgumentError("Give 68 to 65535.");
  return mtu;
}
