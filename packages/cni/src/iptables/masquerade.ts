import type { BridgeAttach, BridgeDetach, MasqueradeKind } from "../bridge/data-path-types.ts";
import { attachmentMark, goneNamespaces, staleMarks } from "../net/attachment-mark.ts";
import type { Collect } from "../net/collect.ts";
import type { NetCalls } from "../net/net-calls.ts";
import { requireNone } from "../plugin/chained.ts";
import type { CniContext } from "../plugin/cni-plugin.ts";
import { createIptables, describeMissing, type Family, families, familyOf, requireIptables } from "./iptables.ts";
import { type FamilyMasquerade, masqueradeRules, planMasqueradeAdd, planMasqueradeDelete } from "./masquerade-plan.ts";
import { chainOf, staleChains } from "./owned-chain.ts";
import { removal } from "./rules.ts";
import type { RunProgram } from "./run-program.ts";

const table = "nat";
const chains = { prefix: "CNI-", pattern: /^CNI-[0-9a-f]{24}$/ };

/** What an attachment is to have; with another kind of masquerading than `iptables`, nothing of this. */
type Attach = Pick<BridgeAttach, "owner" | "netns" | "addresses" | "masquerade">;

/**
 * Masquerading by iptables for plug-ins that give addresses, as the Go plug-ins do it. Nothing of it blocks the thread that works
 * on the kernel's network.
 */
export interface IptablesMasquerade {
  /** @throws KxError `KX_CNI_PROGRAM`, or `KX_CNI_INTERFACE` if that was done already. */
  add(attach: Attach, ctx: Pick<CniContext, "undo" | "phase">): Promise<void>;
  /** What is gone is no error. Where the kernel has none of it, no program is run. */
  delete(detach: Pick<BridgeDetach, "owner" | "addresses" | "masquerade">): Promise<void>;
  /** @throws KxError `KX_CNI_CHECK` with what is missing. */
  check(attach: Attach): Promise<void>;
  /** Removes what belongs to none of a network's attachments; without a list of those, what has lost its namespace. */
  collect(request: Collect): Promise<void>;
  /** @throws KxError `KX_CNI_NOT_AVAILABLE` if this kind cannot be done here. */
  requireUsable(kind: MasqueradeKind | undefined): Promise<void>;
}

/** What iptables is used with. */
export interface IptablesParts {
  /** Finds out what the kernel has. */
  readonly net: NetCalls;
  readonly run?: RunProgram | undefined;
}

export function createIptablesMasquerade({ net, run }: IptablesParts): IptablesMasquerade {
  const iptables = createIptables(run);
  const remove = (family: Family, own: Parameters<typeof planMasqueradeDelete>[1]) =>
    iptables.change({ family, table }, (saved) => planMasqueradeDelete(saved, own));
  const add = async (attach: Attach, { undo }: Pick<CniContext, "undo">) => {
    const mark = attachmentMark(attach);
    const isGone = goneNamespaces();
    for (const one of byFamily(attach)) {
      await iptables.change({ family: one.family, table }, (saved) =>
        planMasqueradeAdd(saved, { ...one, mark, isGone }),
      );
      undo(() => remove(one.family, one));
    }
  };
  return {
    async add(attach, ctx) {
      if (attach.masquerade === "iptables") await ctx.phase("iptables", () => add(attach, ctx));
    },
    async delete({ owner, addresses = [], masquerade }) {
      if (masquerade !== true) return;
      for (const family of await net.call("iptablesFamilies", { table, traces: [{ chain: chainOf(owner) }] })) {
        await remove(family, { owner, addresses: addresses.filter((address) => familyOf(address) === family) });
      }
    },
    async check(attach) {
      const missing: string[] = [];
      for (const one of attach.masquerade === "iptables" ? byFamily(attach) : []) {
        const found = await iptables.missing({ family: one.family, table }, masqueradeRules(one));
        missing.push(...found.map(describeMissing));
      }
      requireNone(attach.owner, missing);
    },
    async collect({ network, valid }) {
      const isStale = staleMarks(network, valid);
      const comment = `name: ${JSON.stringify(network)} id: `;
      for (const family of await net.call("iptablesFamilies", { table, traces: [{ prefix: chains.prefix }] })) {
        await iptables.change({ family, table }, (saved) => {
          const which = { network, valid, pattern: chains.pattern, comment, nameOf: chainOf, isStale };
          return { commands: staleChains(saved, which).flatMap((chain) => removal(saved, chain)) };
        });
      }
    },
    async requireUsable(kind) {
      if (kind === "iptables") await requireIptables(iptables, table, "masquerading");
    },
  };
}

function byFamily({ owner, addresses }: Attach): readonly FamilyMasquerade[] {
  const all = addresses.map(({ address }) => address);
  return families
    .map((family) => ({ owner, family, addresses: all.filter((address) => familyOf(address) === family) }))
    .filter((one) => one.addresses.length > 0);
}
