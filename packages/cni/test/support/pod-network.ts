import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CniError, JsonObject, Result110 } from "@kx/core/contracts/cni";
import { inNetns } from "@kx/core/linux";
import { collectingLogger } from "@kx/core/testing";
import { createBridge } from "../../src/bridge/plugin.ts";
import { createHostLocal } from "../../src/host-local/plugin.ts";
import { createLoopback } from "../../src/loopback/plugin.ts";
import { netHandlers } from "../../src/net/handlers.ts";
import type { NetCalls } from "../../src/net/net-calls.ts";
import type { CniPlugin } from "../../src/plugin/cni-plugin.ts";
import { handleCniCall } from "../../src/plugin/handle-call.ts";
import { createPtp } from "../../src/ptp/plugin.ts";
import { createStatic } from "../../src/static/plugin.ts";
import { makeHost, type TestHost } from "./host.ts";

/** One call of a reference plug-in. */
export interface NetworkCall {
  readonly command: "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";
  /** Default: `kx-bridge`. */
  readonly type?: string;
  /** Default: `a`. */
  readonly containerId?: string;
  /** Default: `eth0`. */
  readonly ifName?: string;
  /** Path of the container's namespace. Default: none. */
  readonly netns?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** The configuration; `cniVersion` and `name` have defaults, 1.1.0 and `kxnet`. */
  readonly config?: JsonObject;
  readonly signal?: AbortSignal;
}

/** A node with the reference plug-ins, whose work on the kernel's network happens in the node's namespace. */
export interface PodNetwork extends AsyncDisposable {
  readonly host: TestHost;
  /** Folder of the leases. */
  readonly dataDir: string;
  /** Address management by kx-host-local with these ranges, one address of each. */
  ipam(...subnets: readonly string[]): JsonObject;
  /** Makes a call and gives what the plug-in printed; of an empty output, undefined. */
  run(call: NetworkCall): Promise<{ readonly exitCode: number; readonly output: unknown }>;
  /** Makes a call that is to succeed. */
  ok(call: NetworkCall): Promise<Result110>;
  /** Makes a call that is to fail. */
  fails(call: NetworkCall): Promise<CniError>;
  /** The addresses that are leased in a network. */
  leases(network?: string): readonly string[];
}

/** Makes a node. */
export async function makePodNetwork(): Promise<PodNetwork> {
  const host = await makeHost();
  const dataDir = mkdtempSync(join(tmpdir(), "kx-cni-leases-"));
  const net: NetCalls = {
    call: async (name, ...args) => inNetns(host.netns.path, () => Reflect.apply(netHandlers[name], undefined, args)),
  };
  const plugins = Object.fromEntries(
    (
      [createBridge({ net }), createPtp({ net }), createLoopback({ net }), createHostLocal(), createStatic()] as const
    ).map((plugin) => [plugin.name, plugin as CniPlugin]),
  );
  const run = async (call: NetworkCall) => {
    const plugin = plugins[call.type ?? "kx-bridge"];
    if (plugin === undefined) throw new Error(`there is no plug-in ${call.type}`);
    const { signal } = call;
    const services = { log: collectingLogger(), plugins, ...(signal === undefined ? {} : { signal }) };
    const { exitCode, stdout } = await handleCniCall(plugin, inputOf(call), services);
    return { exitCode, output: stdout === "" ? undefined : (JSON.parse(stdout) as unknown) };
  };
  return {
    host,
    dataDir,
    ipam: (...subnets) => ({ type: "kx-host-local", dataDir, ranges: subnets.map((subnet) => [{ subnet }]) }),
    run,
    async ok(call) {
      const { exitCode, output } = await run(call);
      if (exitCode !== 0) throw new Error(`${call.command} failed: ${JSON.stringify(output)}`);
      return output as Result110;
    },
    async fails(call) {
      const { exitCode, output } = await run(call);
      if (exitCode === 0) throw new Error(`${call.command} succeeded: ${JSON.stringify(output)}`);
      return output as CniError;
    },
    leases: (network = "kxnet") => leasesIn(join(dataDir, network)),
    async [Symbol.asyncDispose]() {
      rmSync(dataDir, { recursive: true });
      await host[Symbol.asyncDispose]();
    },
  };
}

/** Variables and standard input of a call. */
export function inputOf(call: NetworkCall) {
  const { command, type = "kx-bridge", containerId = "a", ifName = "eth0", netns = "", args, config } = call;
  const attachment = { CNI_CONTAINERID: containerId, CNI_IFNAME: ifName, CNI_NETNS: netns };
  return {
    env: {
      CNI_COMMAND: command,
      CNI_PATH: "/nowhere",
      ...(command === "STATUS" || command === "GC" ? {} : attachment),
      ...(args === undefined ? {} : { CNI_ARGS: args }),
    },
    stdin: JSON.stringify({ cniVersion: "1.1.0", name: "kxnet", type, ...config }),
  };
}

function leasesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^[\d.]+$|:/.test(name));
  } catch {
    // It is made with the first lease.
    return [];
  }
}
