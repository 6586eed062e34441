import { KxError } from "@kx/core";
import { createIptablesMasquerade } from "../iptables/masquerade.ts";
import type { RunProgram } from "../iptables/run-program.ts";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import type { Owner } from "../net/owner.ts";
import {
  askForAddresses,
  collectAll,
  type GivenAddresses,
  ipamType,
  passOn,
  validOwners,
} from "../plugin/address-management.ts";
import type { CniContext, CniPlugin } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { type BridgeConfig, bridgeConfig } from "./config.ts";
import { masqueradeKind } from "./config-masquerade.ts";
import { planAttach, planCheck, planDetach, planUndo, resultOf } from "./plugin-plan.ts";
import { settle } from "./plugin-settle.ts";

/** How kx-bridge does its work. */
export interface BridgeOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
  /** Who runs the programs of iptables, for `ipMasqBackend: iptables`. Default: this process, where it is. */
  readonly run?: RunProgram;
}

/**
 * Attaches containers to a bridge of the host, with the options and results of the Go plug-in bridge.
 *
 * Addresses are asked for first, then one call makes everything, so that of several calls for the same interface only one
 * gets that far.
 */
export function createBridge({ net = directNet(), run }: BridgeOptions = {}): CniPlugin<BridgeConfig> {
  const iptables = createIptablesMasquerade({ net, run });
  return defineCniPlugin<BridgeConfig>({
    name: "kx-bridge",
    config: bridgeConfig,
    async add(request, ctx) {
      const { config, containerId, ifName } = request;
      // What is asked for in vain must not cost an address.
      const bare = planAttach(request, undefined);
      masqueradeKind(config);
      // The kernel is asked for the bridge while the address is looked for; who fails there leaves it to this.
      const preparing = ctx.phase("bridge", () => net.call("bridgeReady", bare));
      preparing.catch(() => undefined);
      const given = await addressesFor(net, config, { network: config.name, containerId, ifName }, ctx);
      const bridge = await preparing;
      const attach = planAttach(request, given);
      const made = await ctx.phase("attach", () => net.call("bridgeAttach", attach, bridge));
      ctx.undo(() => net.call("bridgeDetach", planUndo(attach)));
      await iptables.add(attach, ctx);
      if (!made.isSettled) await ctx.phase("settle", () => settle(net, attach, ctx));
      return resultOf(request, attach, made, given);
    },
    async del(request, ctx) {
      const detach = planDetach(request);
      await ctx.phase("detach", () => net.call("bridgeDetach", detach));
      await iptables.delete(detach);
      await passOn(ctx, request.config);
    },
    async check(request, ctx) {
      const expected = planCheck(request);
      await ctx.phase("check", () => net.call("bridgeCheck", expected));
      await iptables.check(expected);
      await passOn(ctx, request.config);
    },
    async status({ config }, ctx) {
      await iptables.requireUsable(masqueradeKind(config));
      const problem = await net.call("bridgeProblem", config.bridge);
      if (problem !== undefined) {
        throw new KxError("KX_CNI_NOT_AVAILABLE", problem, { remedy: "name another bridge, or remove that link" });
      }
      await passOn(ctx, config);
    },
    async gc(request, ctx) {
      await collectAll(
        () => net.call("attachmentsCollect", validOwners(request)),
        () => iptables.collect(validOwners(request)),
        () => passOn(ctx, request.config),
      );
    },
  });
}

/** Address management that refuses a second ADD of an attachment by itself, before it changes anything. */
const refusesTwice: readonly string[] = ["kx-host-local", "host-local"];

/** The addresses; undefined if the network has none. */
export async function addressesFor(
  net: NetCalls,
  config: Parameters<typeof ipamType>[0],
  owner: Owner,
  ctx: CniContext,
): Promise<GivenAddresses | undefined> {
  const type = ipamType(config);
  if (type === undefined) return undefined;
  // Others would give again what the attachment has, and taking that back would take it from the attachment.
  if (!refusesTwice.includes(type)) await net.call("requireUnattached", owner);
  return await askForAddresses(ctx, type);
}
