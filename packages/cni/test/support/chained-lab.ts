import type { JsonObject, Result110 } from "@kx/core/contracts/cni";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import type { NetCalls } from "../../src/net/net-calls.ts";
import { hostEndName } from "../../src/net/owner.ts";
import type { CniPlugin } from "../../src/plugin/cni-plugin.ts";
import { type CniOutcome, handleCniCall } from "../../src/plugin/handle-call.ts";
import type { TestNetns } from "../../src/testing/netns.ts";
import { makeHost, type TestHost } from "./host.ts";

const network = "kxnet";
const ifName = "eth0";

/** A container on the bridge kx0 of the node, as the plug-in before made it. */
export interface AttachedPod {
  readonly containerId: string;
  readonly netns: TestNetns;
  readonly hostEnd: string;
  readonly result: Result110;
}

/** One call of a chained plug-in. */
export interface ChainedCall {
  readonly pod?: AttachedPod;
  /** Fields of the configuration. */
  readonly fields?: JsonObject;
  readonly cniVersion?: string;
  /** Default: the pod's result; null for none. */
  readonly prevResult?: JsonObject | null;
  /** Default: the pod's; empty if it is gone. */
  readonly netns?: string;
  readonly args?: string;
}

type Command = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";

/** A node, one outside of it at 192.0.2.2 and 2001:db8::2, and containers attached by kx-bridge's data path. */
export interface ChainedLab extends AsyncDisposable {
  readonly host: TestHost;
  /** Reaches the node at 192.0.2.1, 192.0.2.3 and 2001:db8::1. */
  readonly outside: TestNetns;
  readonly net: NetCalls;
  readonly log: CollectingLogger;
  /** Attaches a container with the addresses 10.1.0.<last> and fd00::<last>, on another bridge with another network. */
  attach(containerId: string, last: number, bridge?: number): Promise<AttachedPod>;
  detach(pod: AttachedPod): void;
  call(plugin: CniPlugin, command: Command, call?: ChainedCall): Promise<CniOutcome>;
  /** Makes a call that must succeed. Gives what it printed. */
  done(plugin: CniPlugin, command: Command, call?: ChainedCall): Promise<Result110>;
  /** Makes a call that must fail. Gives code and texts. */
  failed(
    plugin: CniPlugin,
    command: Command,
    call?: ChainedCall,
  ): Promise<{ code: number; msg: string; details?: string }>;
}

export async function makeChainedLab(): Promise<ChainedLab> {
  const host = await makeHost();
  const outside = await host.pod();
  await connect(host.netns, outside);
  const log = collectingLogger();
  const net: NetCalls = { call: async (name, ...args) => host.call(name, ...args) as never };

  async function attach(containerId: string, last: number, bridge = 0): Promise<AttachedPod> {
    const pod = await host.pod();
    const owner = { network, containerId, ifName };
    const [v4, v6] = [`10.${1 + bridge}.0`, `fd0${bridge}:`];
    const addresses = [
      { address: `${v4}.${last}/16`, gateway: `${v4}.1` },
      { address: `${v6}:${last}/64`, gateway: `${v6}:1` },
    ];
    const made = host.call("bridgeAttach", {
      owner,
      netns: pod.path,
      bridge: { name: `kx${bridge}`, gateways: [`${v4}.1/16`, `${v6}:1/64`] },
      hairpin: true,
      addresses,
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    });
    const result: Result110 = {
      cniVersion: "1.1.0",
      interfaces: [made.bridge, made.host, { ...made.container, sandbox: pod.path }],
      ips: addresses.map((one) => ({ ...one, interface: 2 })),
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    };
    return { containerId, netns: pod, hostEnd: hostEndName(owner), result };
  }

  async function call(plugin: CniPlugin, command: Command, one: ChainedCall = {}): Promise<CniOutcome> {
    const { pod, fields, cniVersion = "1.1.0", prevResult = pod?.result, netns = pod?.netns.path, args } = one;
    const variables = {
      CNI_CONTAINERID: pod?.containerId ?? "none",
      CNI_IFNAME: ifName,
      CNI_NETNS: netns ?? "",
      ...(args === undefined ? {} : { CNI_ARGS: args }),
    };
    const env = {
      CNI_COMMAND: command,
      CNI_PATH: "/nowhere",
      ...(command === "STATUS" || command === "GC" ? {} : variables),
    };
    const stdin = JSON.stringify({
      cniVersion,
      name: network,
      type: plugin.name,
      ...(prevResult === undefined || prevResult === null ? {} : { prevResult }),
      ...fields,
    });
    return await handleCniCall(plugin, { env, stdin }, { log });
  }

  return {
    host,
    outside,
    net,
    log,
    attach,
    detach: ({ containerId }) => host.call("bridgeDetach", { owner: { network, containerId, ifName } }),
    call,
    async done(...all) {
      const { exitCode, stdout } = await call(...all);
      if (exitCode !== 0) throw new Error(`the call failed: ${stdout}`);
      return stdout === "" ? {} : JSON.parse(stdout);
    },
    async failed(...all) {
      const { exitCode, stdout } = await call(...all);
      if (exitCode === 0) throw new Error(`the call succeeded: ${stdout}`);
      return JSON.parse(stdout);
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

async function connect(node: TestNetns, outside: TestNetns): Promise<void> {
  await node.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", outside.path);
  for (const [netns, last] of [
    [node, 1],
    [outside, 2],
  ] as const) {
    await netns.run("ip", "address", "add", `192.0.2.${last}/24`, "dev", "up0");
    await netns.run("ip", "address", "add", `2001:db8::${last}/64`, "dev", "up0", "nodad");
    await netns.run("ip", "link", "set", "up0", "up");
  }
  await node.run("ip", "address", "add", "192.0.2.3/24", "dev", "up0");
  await outside.run("ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1");
  await outside.run("ip", "route", "add", "fd00::/8", "via", "2001:db8::1");
}
