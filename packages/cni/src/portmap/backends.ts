import { KxError } from "@kx/core";
import { createIptables, describeMissing } from "../iptables/iptables.ts";
import type { IptablesParts } from "../iptables/masquerade.ts";
import { staleChains } from "../iptables/owned-chain.ts";
import { removal } from "../iptables/rules.ts";
import { type RunProgram, runProgram } from "../iptables/run-program.ts";
import { attachmentMark, goneNamespaces, staleMarks } from "../net/attachment-mark.ts";
import type { Collect } from "../net/collect.ts";
import type { HostPorts } from "../net/host-ports.ts";
import type { Owner } from "../net/owner.ts";
import type { CniContext } from "../plugin/cni-plugin.ts";
import { conditionsOf, type PortmapConfig, type PortmapKind } from "./config.ts";
import { byFamily, planPortsAdd, planPortsDelete, portRules, portsChain, sharedRules } from "./iptables-plan.ts";

/** One way to make the node's ports lead to containers. */
export interface PortmapBackend {
  /** Makes all of them, or none, and remembers how to take that back. Gives what did not matter enough to fail, in words. */
  add(ports: HostPorts, config: PortmapConfig, ctx: Pick<CniContext, "undo">): Promise<readonly string[]>;
  /** What is missing, in words. */
  check(ports: HostPorts, config: PortmapConfig): Promise<readonly string[]>;
}

/** All ways, and what is done about all of them whatever a network's configuration says by now. */
export interface PortmapBackends {
  readonly of: Readonly<Record<PortmapKind, PortmapBackend>>;
  delete(ports: Pick<HostPorts, "owner"> & Partial<HostPorts>): Promise<void>;
  collect(request: Collect): Promise<void>;
}

const table = "nat";
const pattern = /^CNI-DN-[0-9a-f]{21}$/;

export function createBackends({ net, run = runProgram }: IptablesParts): PortmapBackends {
  const byIptables = iptablesBackend({ net, run });
  const take = (ports: Pick<HostPorts, "owner"> & Partial<HostPorts>) => net.call("hostPortsDelete", ports);
  const sets: PortmapBackend = {
    async add(ports, _, { undo }) {
      const warnings = await net.call("hostPortsAdd", ports);
      undo(() => take(ports));
      return warnings;
    },
    check: (ports) => net.call("hostPortsCheck", ports),
  };
  const upstream: PortmapBackend = {
    async add(ports, config, { undo }) {
      const entries = byFamily(ports, (family) => ({ words: conditionsOf(config, family).join(" ") })).filter(
        ({ words }) => words !== "",
      );
      const conditional = entries.map(({ family }) => family);
      const warnings = await net.call("upstreamHostPortsAdd", { ...ports, conditional });
      undo(() => take({ owner: ports.owner }));
      if (entries.length > 0) await setConditions(run, entries);
      return warnings;
    },
    check: (ports) => net.call("upstreamHostPortsCheck", ports),
  };
  return {
    of: { sets, upstream, iptables: byIptables },
    async delete(ports) {
      await take(ports);
      await byIptables.delete(ports.owner);
    },
    async collect(request) {
      await net.call("hostPortsCollect", request);
      await byIptables.collect(request);
    },
  };
}

function iptablesBackend({ net, run }: IptablesParts) {
  const iptables = createIptables(run);
  const remove = (family: 4 | 6, owner: Owner) =>
    iptables.change({ family, table }, (saved) => planPortsDelete(saved, owner));
  const plan = (ports: HostPorts, config: PortmapConfig) => {
    const { markMasqBit = 13, externalSetMarkChain } = config;
    const setMark = externalSetMarkChain === undefined ? {} : { setMarkChain: externalSetMarkChain };
    return byFamily(ports, (family) => ({
      conditions: conditionsOf(config, family),
      markBit: markMasqBit,
      ...setMark,
    }));
  };
  return {
    async add(ports, config, { undo }) {
      const mark = attachmentMark(ports);
      const isGone = goneNamespaces();
      for (const one of plan(ports, config)) {
        await iptables.change({ family: one.family, table }, (saved) => planPortsAdd(saved, { ...one, mark, isGone }));
        undo(() => remove(one.family, one.owner));
      }
      return await net.call("hostPortsSettle", ports);
    },
    async check(ports, config) {
      const problems: string[] = [];
      for (const one of plan(ports, config)) {
        const rules = [...sharedRules(one).rules, ...portRules(one)];
        problems.push(...(await iptables.missing({ family: one.family, table }, rules)).map(describeMissing));
      }
      return problems;
    },
    async delete(owner: Owner) {
      const families = await net.call("iptablesFamilies", { table, traces: [{ chain: portsChain(owner) }] });
      for (const family of families) await remove(family, owner);
    },
    async collect({ network, valid }: Collect) {
      const isStale = staleMarks(network, valid);
      const comment = `dnat name: ${JSON.stringify(network)} id: `;
      for (const family of await net.call("iptablesFamilies", { table, traces: [{ prefix: "CNI-DN-" }] })) {
        await iptables.change({ family, table }, (saved) => {
          const stale = staleChains(saved, { network, valid, pattern, comment, nameOf: portsChain, isStale });
          return { commands: stale.flatMap((chain) => removal(saved, chain)) };
        });
      }
    },
  } satisfies PortmapBackend & Record<string, unknown>;
}

/**
 * Lets only packets that are meant come to the ports. As with the Go plug-in, the rules are all containers', so that the
 * conditions of the last one count. They are in the words of nft(8), which alone can read them.
 */
async function setConditions(
  run: RunProgram,
  entries: readonly { readonly family: 4 | 6; readonly words: string }[],
): Promise<void> {
  const commands = entries.flatMap(({ family, words }) =>
    ["prerouting", "output"].flatMap((name) => {
      const chain = `${family === 4 ? "ip" : "ip6"} cni_hostport ${name}`;
      return [`flush chain ${chain}`, `add rule ${chain} ${words} fib daddr type local jump hostports_all`];
    }),
  );
  const { exitCode, stderr } = await run("nft", ["-f", "-"], `${commands.join("\n")}\n`);
  if (exitCode === 0) return;
  const [told = ""] = stderr.trim().split("\n");
  throw new KxError("KX_CNI_PROGRAM", `nft failed: ${told}`, {
    remedy: "correct conditionsV4 and conditionsV6, which must be words of nft(8)",
    details: { program: "nft", stderr, commands },
  });
}
