import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { HostConfiguration } from "../config/host-configuration.ts";
import { isolatedChildArgument } from "./isolated-child.ts";

/** Settings of an isolated extension's process. */
export type ProcessSettings = NonNullable<HostConfiguration["extensions"][number]["process"]>;

/** What this machine lets a host do. */
export interface Machine {
  readonly isRoot: boolean;
  /** Path of util-linux' setpriv; undefined where there is none. */
  readonly setpriv: string | undefined;
}

/** A program and its arguments, or why the settings cannot be met. */
export type ChildCommand =
  | { readonly file: string; readonly args: readonly string[] }
  | { readonly reason: string; readonly remedy: string };

/** The share of a memory limit that V8's old space may take; the rest is for buffers, code and stacks. */
const heapShare = 0.75;

/** The command line of an isolated extension's process. */
export function childCommand(
  node: { readonly execPath: string; readonly entry: string; readonly execArgv?: readonly string[] },
  settings: ProcessSettings,
  machine: Machine,
): ChildCommand {
  const heap =
    settings.memoryLimitBytes === undefined
      ? []
      : [`--max-old-space-size=${Math.floor((settings.memoryLimitBytes / 1024 ** 2) * heapShare)}`];
  // What keeps the host small does the same for its children; of its other flags some, as --inspect, can be had only once.
  const lean = (node.execArgv ?? []).filter((flag) =>
    /^--(max-semi-space-size|v8-pool-size|heap-growing-percent)=/.test(flag),
  );
  const program = [node.execPath, ...lean, ...heap, node.entry, isolatedChildArgument];
  const rights = rightsOf(settings);
  if (machine.setpriv === undefined) {
    if (rights.length === 0) return { file: node.execPath, args: program.slice(1) };
    return { reason: "user, group and capabilities need util-linux' setpriv", remedy: "install util-linux" };
  }
  if (rights.length > 0 && !machine.isRoot) {
    return {
      reason: "user, group and capabilities need a host that runs as root",
      remedy: "run the host as root, or leave them out",
    };
  }
  // The kernel kills the child with the host, also when the child's loop is blocked. Set last, since changing rights resets it.
  return { file: machine.setpriv, args: [...rights, "--pdeathsig=KILL", "--", ...program] };
}

function rightsOf({ user, group, capabilities }: ProcessSettings): readonly string[] {
  const regid = group ?? user;
  const isOther = user !== undefined && user !== 0 && user !== "root";
  const kept = capabilities ?? (isOther ? [] : undefined);
  const set = ["-all", ...(kept ?? []).map((name) => `+${name.replace(/^CAP_/, "").toLowerCase()}`)].join(",");
  return [
    ...(user === undefined ? [] : [`--reuid=${user}`]),
    ...(regid === undefined ? [] : [`--regid=${regid}`, "--clear-groups"]),
    ...(kept === undefined ? [] : [`--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`]),
    ...(user === undefined && kept === undefined ? [] : ["--no-new-privs"]),
  ];
}

// BusyBox has a setpriv that knows no --pdeathsig. Fixed places: what PATH names is not run as root.
const places = ["/usr/bin/setpriv", "/bin/setpriv"];

/** Looks at this machine. */
export async function inspectMachine(): Promise<Machine> {
  const isRoot = process.getuid?.() === 0;
  const path = process.platform === "linux" ? places.find((place) => existsSync(place)) : undefined;
  if (path === undefined) return { isRoot, setpriv: undefined };
  const { stdout } = await promisify(execFile)(path, ["--help"]).catch(() => ({ stdout: "" }));
  return { isRoot, setpriv: stdout.includes("--pdeathsig") ? path : undefined };
}
