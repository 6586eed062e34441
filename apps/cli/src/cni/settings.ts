import { createHash } from "node:crypto";
import { delimiter, resolve } from "node:path";
import type { AttachmentTarget, CniRuntimeOptions } from "@kx/cni/runtime";
import { KxError } from "@kx/core";
import type { Terminal } from "../terminal.ts";
import type { AttachmentFlags, CniFlags, GcFlags, NetworkFlags } from "./flags.ts";

type Env = Terminal["env"];

/** Folders of plug-ins: the flag, else CNI_PATH, else where they usually are. */
export function binDirs({ binDir }: CniFlags, env: Env): readonly string[] {
  const listed = binDir ?? (env["CNI_PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return (listed.length === 0 ? ["/opt/cni/bin"] : listed).map((folder) => resolve(folder));
}

/** The folder of networks' configurations. */
export function confDir({ confDir: given }: NetworkFlags, env: Env): string {
  return resolve(given ?? (env["NETCONFPATH"] || "/etc/cni/net.d"));
}

/** How plug-ins are called. */
export function runtimeOptions(flags: NetworkFlags, env: Env): CniRuntimeOptions {
  return {
    path: binDirs(flags, env),
    env,
    ...(flags.cacheDir === undefined ? {} : { cacheDir: resolve(flags.cacheDir) }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
  };
}

/** What is attached. Without an id it is cnitool's, so that either command can end what the other began. */
export function targetOf(
  netns: string,
  flags: AttachmentFlags,
  env: Env,
): AttachmentTarget & { readonly netns: string } {
  const path = resolve(netns);
  const args = readArgs(flags.args ?? env["CNI_ARGS"] ?? "", flags.args === undefined ? "CNI_ARGS" : "--args");
  const capabilities = flags.capArgs ?? env["CAP_ARGS"] ?? "";
  return {
    netns: path,
    containerId: flags.containerId ?? `cnitool-${createHash("sha512").update(path).digest("hex").slice(0, 20)}`,
    ifName: flags.ifName ?? (env["CNI_IFNAME"] || "eth0"),
    ...(args === undefined ? {} : { args }),
    ...(capabilities === "" ? {} : { capabilityArgs: readCapabilities(capabilities, flags.capArgs === undefined) }),
  };
}

/** The attachments that `kx cni gc` is told are in use; undefined if it is told nothing. */
export function validOf({ valid, all }: GcFlags) {
  if (all === true) return [];
  return valid?.map((text) => {
    const [containerID = "", ifname = "", ...more] = text.split("/");
    if (containerID !== "" && ifname !== "" && more.length === 0) return { containerID, ifname };
    throw new KxError("KX_CLI_CNI", `--valid ${text} names no attachment`, {
      remedy: "give a container's id and an interface, such as 4f2a/eth0",
    });
  });
}

function readArgs(text: string, from: string): Readonly<Record<string, string>> | undefined {
  const pairs = text.split(";").filter((pair) => pair !== "");
  const odd = pairs.find((pair) => pair.indexOf("=") < 1);
  if (odd !== undefined) {
    throw new KxError("KX_CLI_CNI", `${from} has ${JSON.stringify(odd)}, not KEY=value`, {
      remedy: "write pairs with a semicolon between them: IgnoreUnknown=1;MAC=0a:00:00:00:00:01",
    });
  }
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

function readCapabilities(text: string, isVariable: boolean): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new KxError("KX_CLI_CNI", `${isVariable ? "CAP_ARGS" : "--cap-args"} is no JSON object`, {
    remedy: `write values by capability, such as {"mac":"0a:00:00:00:00:01"}`,
  });
}
