import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { KxError } from "@kx/core";
import type { CniCommand, JsonObject } from "@kx/core/contracts/cni";
import { collectingLogger } from "@kx/core/testing";
import type { CniPlugin } from "../plugin/cni-plugin.ts";
import { handleCniCall } from "../plugin/handle-call.ts";
import type { TestNetns } from "./netns.ts";

/** One call of a plug-in: its variables and its standard input. */
export interface PluginCall {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** What came of a call. */
export interface PluginAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Calls a plug-in, however it is reached. */
export type CallPlugin = (call: PluginCall) => Promise<PluginAnswer>;

/** A plug-in to be tested: a value in this process, an executable's path, or a way of one's own to call it. */
export type PluginUnderTest =
  | {
      readonly plugin: CniPlugin;
      /** Plug-ins that it delegates to in process, by type. */
      readonly plugins?: Readonly<Record<string, CniPlugin>>;
    }
  | { readonly executable: string }
  | { readonly call: CallPlugin };

/** How plug-ins are called. */
export interface CallerOptions {
  /** How long a call may take, in milliseconds, until it counts as hung. */
  readonly timeoutMs: number;
  /** The namespace that an executable runs in; without it, this process's own. */
  readonly host?: TestNetns;
}

/** A call's variables and configuration, of which a test gives what it is about. */
export interface CallFields {
  readonly command: CniCommand;
  readonly config: JsonObject;
  readonly containerId?: string;
  readonly ifName?: string;
  readonly netns?: string;
  readonly path: readonly string[];
  /** Variables that are set in the end, or taken away with undefined. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Makes variables and input of a call as a runtime would. */
export function buildCall({ command, config, containerId, ifName, netns, path, env = {} }: CallFields): PluginCall {
  const variables: Readonly<Record<string, string | undefined>> = {
    PATH: process.env["PATH"],
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_IFNAME: ifName,
    CNI_NETNS: netns,
    CNI_PATH: path.join(":"),
    ...env,
  };
  const set = Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return { env: Object.fromEntries(set) as Record<string, string>, stdin: JSON.stringify(config) };
}

/** The way to call a plug-in. A call that hangs is given up with KxError `KX_CNI_TESTING`. */
export function callerOf(tested: PluginUnderTest, { timeoutMs, host }: CallerOptions): CallPlugin {
  if ("call" in tested) return (call) => withinTime(timeoutMs, () => tested.call(call));
  if ("executable" in tested) {
    const { executable } = tested;
    const [file, args] = host === undefined ? [executable, []] : ["nsenter", [`--net=${host.path}`, "--", executable]];
    return (call) => execute(file, args, call, timeoutMs);
  }
  const { plugin, plugins = {} } = tested;
  return (call) =>
    withinTime(timeoutMs, (signal) => handleCniCall(plugin, call, { log: collectingLogger(), plugins, signal }));
}

/** What a plug-in is called in reports, and where its delegates are looked for by default. */
export function describePlugin(tested: PluginUnderTest): { readonly name: string; readonly path: readonly string[] } {
  if ("plugin" in tested) return { name: tested.plugin.name, path: usualPath };
  if ("executable" in tested) return { name: tested.executable, path: [dirname(tested.executable)] };
  return { name: "plug-in", path: usualPath };
}

const usualPath = ["/opt/cni/bin"];

async function withinTime<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    controller.abort();
    reject(hung(timeoutMs));
  }, timeoutMs);
  try {
    return await Promise.race([work(controller.signal), promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function execute(
  file: string,
  args: readonly string[],
  { env, stdin }: PluginCall,
  timeoutMs: number,
): Promise<PluginAnswer> {
  const child = spawn(file, args, { env, stdio: "pipe", detached: true });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  let isHung = false;
  const timer = setTimeout(() => {
    isHung = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, timeoutMs);
  // A plug-in need not read what it is given.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    if (isHung) throw hung(timeoutMs);
    if (code === null) throw new KxError("KX_CNI_TESTING", `the plug-in was ended by ${signal}`);
    return { exitCode: code, stdout: stdout(), stderr: stderr() };
  } catch (error) {
    if (KxError.is(error)) throw error;
    throw new KxError("KX_CNI_TESTING", `${file} cannot be run: ${(error as Error).message}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function hung(timeoutMs: number): KxError {
  return new KxError("KX_CNI_TESTING", `the plug-in did not answer within ${timeoutMs} ms`);
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}
