import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { ensureAssets } from "@kx/cluster";
import { type CniPlugin, handleCniCall } from "@kx/cni";
import { collectingLogger } from "@kx/core/testing";
import { type IpamCall, ipamCall } from "../../support/ipam-call.ts";

/** What a call came to: the addresses of an ADD, nothing of another command, or why it failed. */
export type Outcome = { readonly ips: readonly string[] } | { readonly failure: string };

/** One of the plug-ins that share a folder of leases. */
export type Side = (call: IpamCall) => Promise<Outcome>;

/** The Go plug-in, built from its module. */
export async function goSide(): Promise<Side> {
  const assets = await ensureAssets({ names: ["host-local"] });
  const file = assets.path("host-local");
  return (call) => execute(file, [], call);
}

/** Ours as an executable. */
export const executableSide: Side = (call) =>
  execute(process.execPath, [fileURLToPath(new URL("../programs/host-local.ts", import.meta.url))], call);

/** Ours in a process that goes on, as in the daemon. */
export function residentSide<Config>(plugin: CniPlugin<Config>): Side {
  return async (call) => outcomeOf((await handleCniCall(plugin, ipamCall(call), { log: collectingLogger() })).stdout);
}

/** Ours, all calls at once in one process of its own. */
export async function manyAtOnce(calls: readonly IpamCall[]): Promise<readonly Outcome[]> {
  const program = fileURLToPath(new URL("../programs/host-local-many.ts", import.meta.url));
  const stdout = await run(process.execPath, [program], { PATH: "" }, JSON.stringify(calls.map(ipamCall)));
  return (JSON.parse(stdout) as readonly string[]).map(outcomeOf);
}

async function execute(file: string, args: readonly string[], call: IpamCall): Promise<Outcome> {
  const { env, stdin } = ipamCall(call);
  return outcomeOf(await run(file, args, env, stdin));
}

async function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: string,
): Promise<string> {
  const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  const closed = once(child, "close");
  child.stdin.end(stdin);
  const stdout = await text(child.stdout);
  const [code]: readonly unknown[] = await closed;
  // Failing, a plug-in says why.
  if (code !== 0 && stdout === "") throw new Error(`${file} ${args.join(" ")} ended with exit code ${String(code)}`);
  return stdout;
}

function outcomeOf(stdout: string): Outcome {
  if (stdout === "") return { ips: [] };
  const output = JSON.parse(stdout) as {
    readonly msg?: string;
    readonly ips?: readonly { readonly address: string }[];
  };
  return output.msg === undefined ? { ips: (output.ips ?? []).map(({ address }) => address) } : { failure: output.msg };
}

/** Every file below the leases of a network, and what it holds. */
export function filesOf(dataDir: string, network = "net"): Readonly<Record<string, string>> {
  const folder = join(dataDir, network);
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

/** The leases alone. */
export function leasesOf(dataDir: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(filesOf(dataDir)).filter(([name]) => /^[\d.]+$|:/.test(name)));
}
