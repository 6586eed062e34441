import { basename } from "node:path";
import { ensureAssets } from "@kx/cluster";
import type { CniPlugin } from "@kx/cni";
import type { JsonObject } from "@kx/core/contracts/cni";
import { expect } from "vitest";
import type { RunProgram } from "../../../src/iptables/run-program.ts";
import type { NetCalls } from "../../../src/net/net-calls.ts";
import type { TestNetns } from "../../../src/testing/netns.ts";
import { type AttachedPod, type ChainedLab, makeChainedLab } from "../../support/chained-lab.ts";
import { savedRules } from "../../support/saved-rules.ts";
import { runIn } from "./net-of.ts";
import { makeNodeLab } from "./node-lab.ts";

type Command = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

/** A node with a chained plug-in of kx and that of Go, which have one type but for the prefix. */
export interface BackendLab extends AsyncDisposable {
  readonly chained: ChainedLab;
  readonly host: TestNetns;
  /** Calls one of the two, which must succeed. */
  done(side: "kx" | "go", command: Command, pod: AttachedPod | undefined, fields: JsonObject): Promise<JsonObject>;
  /** Calls kx's, which must fail. Gives the message. */
  failed(command: Command, pod: AttachedPod | undefined, fields: JsonObject): Promise<string>;
  /** What both sorts of rules are, but for what kx keeps for itself. */
  rules(): Promise<readonly string[]>;
}

/** The Go plug-in, built the first time. */
export async function goPlugin(name: string): Promise<string> {
  return (await ensureAssets({ names: [name] })).path(name);
}

/** @param create - makes kx's plug-in, which works in this process. */
export async function makeBackendLab(
  goFile: string,
  create: (parts: { readonly net: NetCalls; readonly run: RunProgram }) => CniPlugin,
): Promise<BackendLab> {
  const chained = await makeChainedLab();
  const node = await makeNodeLab([goFile], chained.host);
  const host = chained.host.netns;
  const plugin = create({ net: chained.net, run: runIn(host) });
  const byGo = async (command: Command, pod: AttachedPod | undefined, fields: JsonObject) => {
    const prevResult = pod?.result as JsonObject | undefined;
    const { exitCode, output } = await node.call({
      command,
      type: basename(goFile),
      ...(pod === undefined ? {} : { containerId: pod.containerId, netns: pod.netns.path }),
      config: { ...(prevResult === undefined ? {} : { prevResult }), ...fields },
    });
    return { exitCode, output: (output ?? {}) as JsonObject };
  };
  const byKx = async (command: Command, pod: AttachedPod | undefined, fields: JsonObject) => {
    const { exitCode, stdout } = await chained.call(plugin, command, { ...(pod === undefined ? {} : { pod }), fields });
    return { exitCode, output: (stdout === "" ? {} : JSON.parse(stdout)) as JsonObject };
  };
  return {
    chained,
    host,
    async done(side, command, pod, fields) {
      const { exitCode, output } = await (side === "kx" ? byKx : byGo)(command, pod, fields);
      expect(exitCode, `${command} by ${side}: ${JSON.stringify(output)}`).toBe(0);
      return output;
    },
    async failed(command, pod, fields) {
      const { exitCode, output } = await byKx(command, pod, fields);
      expect(exitCode, `${command} succeeded: ${JSON.stringify(output)}`).toBe(1);
      return String(output["msg"]);
    },
    async rules() {
      const own = (await host.run("nft", "--stateless", "list", "ruleset")).split("\ntable ");
      const nft = own.filter((text) => /^(table )?ip6? cni_/.test(text)).flatMap((text) => text.split("\n"));
      return [...(await savedRules(host)), ...nft.map((line) => line.trim()).filter((line) => line !== "")];
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}
