import { masqueradeKind } from "../bridge/config-masquerade.ts";
import { addressesFor } from "../bridge/plugin.ts";
import { settle } from "../bridge/plugin-settle.ts";
import { createIptablesMasquerade } from "../iptables/masquerade.ts";
import type { RunProgram } from "../iptables/run-program.ts";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import {
  collectAll,
  dnsOf,
  type GivenAddresses,
  hostEndIn,
  ownPart,
  passOn,
  routerOf,
  validOwners,
} from "../plugin/address-management.ts";
import type { AttachmentRequest, CniPlugin, CniResult, NetnsRequest } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { type PtpConfig, ptpConfig } from "./config.ts";
import type { PtpAttach, PtpAttached } from "./data-path.ts";

/** How kx-ptp does its work. */
export interface PtpOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
  /** Who runs the programs of iptables, for `ipMasqBackend: iptables`. Default: this process, where it is. */
  readonly run?: RunProgram;
}

/** Attaches each container to the host by a pair of interfaces and routes, as the Go plug-in ptp does. */
export function createPtp({ net = directNet(), run }: PtpOptions = {}): CniPlugin<PtpConfig> {
  const iptables = createIptablesMasquerade({ net, run });
  return defineCniPlugin<PtpConfig>({
    name: "kx-ptp",
    config: ptpConfig,
    async add(request, ctx) {
      masqueradeKind(request.config);
      const given = await addressesFor(net, request.config, ownerOf(request), ctx);
      const attach = planAttach(request, given ?? { ips: [], routes: [] });
      const made = await ctx.phase("attach", () => net.call("ptpAttach", attach));
      ctx.undo(() => net.call("bridgeDetach", detachOf(request, attach.addresses)));
      await iptables.add(attach, ctx);
      if (!made.isSettled) await ctx.phase("settle", () => settle(net, attach, ctx));
      return resultOf(attach, made, dnsOf(request.config.dns, given?.dns));
    },
    async del(request, ctx) {
      const { ips } = ownPart(request.prevResult ?? {}, request.ifName);
      const detach = detachOf(request, ips);
      await ctx.phase("detach", () => net.call("bridgeDetach", detach));
      await iptables.delete(detach);
      await passOn(ctx, request.config);
    },
    async check(request, ctx) {
      const { mac, ips } = ownPart(request.prevResult, request.ifName);
      const expected = planAttach(request, { ips, routes: request.prevResult.routes ?? [] });
      const attached = { ...hostEndIn(request.prevResult), ...(mac === undefined ? {} : { containerMac: mac }) };
      await ctx.phase("check", () => net.call("ptpCheck", { ...expected, attached }));
      await iptables.check(expected);
      await passOn(ctx, request.config);
    },
    async status({ config }, ctx) {
      await iptables.requireUsable(masqueradeKind(config));
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

function planAttach(request: NetnsRequest<PtpConfig>, { ips, routes }: GivenAddresses): PtpAttach {
  const { config, netns } = request;
  const masquerade = masqueradeKind(config);
  return {
    owner: ownerOf(request),
    netns,
    ...(config.mtu === 0 ? {} : { mtu: config.mtu }),
    // The host's end is the router.
    addresses: ips.map((ip) => ({ address: ip.address, gateway: routerOf(ip, "the host") })),
    routes,
    ...(masquerade === undefined ? {} : { masquerade }),
  };
}

function ownerOf({ config, containerId, ifName }: AttachmentRequest<PtpConfig>): PtpAttach["owner"] {
  return { network: config.name, containerId, ifName };
}

function detachOf(
  request: AttachmentRequest<PtpConfig> & { readonly netns?: string },
  ips: readonly { readonly address: string }[],
) {
  return {
    owner: ownerOf(request),
    ...(request.netns === undefined ? {} : { netns: request.netns }),
    addresses: ips.map(({ address }) => address),
    masquerade: request.config.ipMasq,
  };
}

function resultOf({ addresses, routes, netns }: PtpAttach, made: PtpAttached, dns: Pick<CniResult, "dns">): CniResult {
  return {
    interfaces: [made.host, { ...made.container, sandbox: netns }],
    ips: addresses.map((ip) => ({ ...ip, interface: 1 })),
    ...(routes.length === 0 ? {} : { routes }),
    ...dns,
  };
}
