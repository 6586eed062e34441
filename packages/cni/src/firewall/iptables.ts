import type { Trace } from "../iptables/find-families.ts";
import { createIptables, describeMissing, families, familyOf, requireIptables } from "../iptables/iptables.ts";
import type { IptablesParts } from "../iptables/masquerade.ts";
import { attachmentMark, goneNamespaces, staleMarks } from "../net/attachment-mark.ts";
import type { Collect } from "../net/collect.ts";
import type { Owner } from "../net/owner.ts";
import type { CniContext } from "../plugin/cni-plugin.ts";
import type { FirewallConfig } from "./config.ts";
import type { Firewall } from "./data-path.ts";
import {
  addressRules,
  forwardChain,
  type IptablesFirewall,
  ownersChain,
  planFirewallAdd,
  planFirewallCollect,
  planFirewallDelete,
  sharedRules,
} from "./iptables-plan.ts";

const table = "filter";
const ofOwners: Trace = { chain: ownersChain, spare: 0 };
/** What leads to the administrator's chain is no container's. */
const traces: readonly Trace[] = [ofOwners, { chain: forwardChain, spare: 1 }];

/** Lets containers' packets through by iptables, with the rules of the Go plug-in. */
export function createIptablesFirewall({ net, run }: IptablesParts) {
  const iptables = createIptables(run);
  const remove = (family: 4 | 6, owner: Owner, addresses: readonly string[]) =>
    iptables.change({ family, table }, (saved) => planFirewallDelete(saved, owner, addresses));
  return {
    /** @throws KxError `KX_CNI_BRIDGE`, `KX_CNI_PROGRAM`, or `KX_CNI_INTERFACE` if that was done already. */
    async add(firewall: Firewall, config: FirewallConfig, { undo }: Pick<CniContext, "undo">): Promise<void> {
      if (firewall.policy !== "open") await net.call("requireBridge", firewall.bridge);
      const mark = attachmentMark(firewall);
      const isGone = goneNamespaces();
      for (const one of byFamily(firewall, config)) {
        const change = { ...one, mark, isGone };
        await iptables.change({ family: one.family, table }, (saved) => planFirewallAdd(saved, change));
        undo(() => remove(one.family, one.owner, one.addresses));
      }
    },
    /** What is gone is no error. Where the kernel has none of it, no program is run. */
    async delete(owner: Owner, addresses: readonly string[]): Promise<void> {
      const found = await net.call("iptablesFamilies", { table, traces });
      for (const family of found) {
        await remove(
          family,
          owner,
          addresses.filter((address) => familyOf(address) === family),
        );
      }
    },
    /** What is missing, in words. */
    async check(firewall: Firewall, config: FirewallConfig): Promise<readonly string[]> {
      const problems: string[] = [];
      for (const one of byFamily(firewall, config)) {
        const rules = [...sharedRules(one).rules, ...addressRules(one)];
        problems.push(...(await iptables.missing({ family: one.family, table }, rules)).map(describeMissing));
      }
      return problems;
    },
    /** Removes what belongs to none of a network's attachments; without a list of those, what has lost its namespace. */
    async collect({ network, valid }: Collect): Promise<void> {
      const isStale = staleMarks(network, valid);
      for (const family of await net.call("iptablesFamilies", { table, traces: [ofOwners] })) {
        await iptables.change({ family, table }, (saved) => planFirewallCollect(saved, isStale));
      }
    },
    requireUsable: () => requireIptables(iptables, table, "letting packets through"),
  };
}

function byFamily(firewall: Firewall, { iptablesAdminChainName }: FirewallConfig): readonly IptablesFirewall[] {
  return families.flatMap((family) => {
    const addresses = firewall.addresses.filter((address) => familyOf(address) === family);
    const adminChain = iptablesAdminChainName || "CNI-ADMIN";
    return addresses.length === 0 ? [] : [{ ...firewall, addresses, family, adminChain }];
  });
}
