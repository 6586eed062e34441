import { KxError } from "@kx/core";
import { masqueradeAdd, masqueradeDelete } from "../net/masquerade.ts";
import { upstreamMasqueradeAdd, upstreamMasqueradeDelete } from "../net/masquerade-upstream.ts";
import { type OpenNetns, openNetns } from "../net/open-netns.ts";
import { hostEndName, type Owner } from "../net/owner.ts";
import { type RetiredPair, retirePair } from "../net/retire-pair.ts";
import { spoofCheckAdd, spoofCheckDelete } from "../net/spoof-check.ts";
import { comesUp, deletePair, makePair, type Pair } from "../net/veth-pair.ts";
import { deleteLink } from "../rtnl/link-codec.ts";
import type { Link } from "../rtnl/read.ts";
import type { Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { enableForwarding, ensureBridge, ensureGateways, type ReadyBridge } from "./data-path-bridge.ts";
import { configurePod } from "./data-path-pod.ts";
import { planPort } from "./data-path-port.ts";
import type { BridgeAttach, BridgeAttached, BridgeDetach, MadeInterface } from "./data-path-types.ts";
import { ensureVlanGateway, withVlans } from "./data-path-vlan.ts";

/**
 * Makes a network's bridge ready for attachments, which stays. It needs no address, so it can be done while one is looked for.
 *
 * @throws KxError `KX_CNI_BRIDGE`, `KX_CNI_UNSUPPORTED` or `KX_CNI_NETLINK`.
 */
export function bridgeReady({ bridge, vlan }: Pick<BridgeAttach, "bridge" | "vlan">): ReadyBridge {
  const host = sharedRtnl();
  const link = ensureBridge(host, bridge, vlan !== undefined);
  return { link, addresses: host.addresses({ index: link.index, family: 4 }).map(({ address }) => address) };
}

/**
 * Attaches a container to a bridge. It blocks its thread, and changes its network namespace for a moment.
 *
 * A failure leaves nothing of the attachment, and nothing of another's is touched. What attachments share stays: the bridge,
 * its addresses, the node's forwarding, tables without elements.
 *
 * @param ready - the bridge as it was just now. Default: it is looked at, and made if it is not there.
 * @throws KxError `KX_CNI_INTERFACE`, `KX_CNI_BRIDGE`, `KX_CNI_UNSUPPORTED`, `KX_CNI_NETNS` or `KX_CNI_NETLINK`.
 */
export function bridgeAttach(request: BridgeAttach, ready = bridgeReady(request)): BridgeAttached {
  const host = sharedRtnl();
  using netns = openNetns(request.netns);
  const { bridge: settings, duplicateDetection = false } = request;
  const bridge = ready.link;
  const vlan = request.vlan?.native;
  const isGateway = (settings.gateways?.length ?? 0) > 0;
  const vlanGateway = isGateway && vlan !== undefined && vlan > 0 ? ensureVlanGateway(host, bridge, vlan) : undefined;
  const known = vlanGateway === undefined ? ready.addresses : [];
  ensureGateways(host, vlanGateway ?? bridge, { ...settings, known, duplicateDetection });
  if (isGateway) enableForwarding(settings.gateways ?? []);
  const { owner, mac, mtu } = request;
  const pair = makePair(host, netns, { owner, mac, mtu, to: bridge.name, master: bridge.index });
  try {
    configure(host, netns, pair, request);
    return describe(host, bridge, pair, request, vlanGateway);
  } catch (error) {
    throw rollBack(host, request, pair, error);
  }
}

function configure(host: Rtnl, netns: OpenNetns, pair: Pair, request: BridgeAttach): void {
  withVlans(request.bridge.name, () => host.request(...planPort(pair.host.index, request)));
  const { owner } = request;
  if (request.spoofCheck === true) spoofCheckAdd({ owner, hostIfName: pair.host.name, mac: pair.containerMac });
  if (request.leaveDown !== true) netns.enter(() => configurePod(pair.containerIndex, request));
  const addresses = request.addresses.map(({ address }) => address);
  if (request.masquerade === "sets") masqueradeAdd({ owner, addresses });
  if (request.masquerade === "upstream") upstreamMasqueradeAdd({ owner, addresses });
}

function describe(
  host: Rtnl,
  bridge: Link,
  pair: Pair,
  request: BridgeAttach,
  vlanGateway: Link | undefined,
): BridgeAttached {
  return {
    bridge: made(bridge),
    host: made(pair.host),
    container: { name: request.owner.ifName, mac: pair.containerMac, mtu: pair.host.mtu },
    ...(vlanGateway === undefined ? {} : { vlanGateway: made(vlanGateway) }),
    isSettled: request.leaveDown === true || (request.duplicateDetection !== true && comesUp(host, pair.host.index)),
  };
}

function made({ name, mac, mtu }: Link): MadeInterface {
  return { name, mac, mtu };
}

/** Takes back what a call has made, which is known to be its own: the pair did not exist before. */
export function rollBack(
  host: Rtnl,
  request: Pick<BridgeAttach, "owner" | "addresses" | "masquerade" | "spoofCheck">,
  pair: Pair,
  cause: unknown,
): KxError {
  const failures = tryAll([
    () =>
      takeRules(
        request.owner,
        request,
        request.addresses.map(({ address }) => address),
        pair.containerMac,
      ),
    () => void host.request({ ...deleteLink(pair.host.index), expect: ["ENODEV"] }),
  ]);
  const error = KxError.from(cause);
  if (failures.length === 0) return error;
  const left = failures.map(({ reason }) => reason).join("; ");
  return new KxError(error.code, `${error.reason}; taking it back failed too: ${left}`, {
    cause,
    details: error.details,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
  });
}

/**
 * Takes an attachment away; what is gone already is no error. The container's namespace is not needed: deleting the host's
 * end deletes both, which waits some 10 ms in the kernel.
 */
export function bridgeDetach(request: BridgeDetach): void {
  detach(request, deletePair);
}

/**
 * As `bridgeDetach`, but the pair is only taken out of use, which does not wait; somebody is to delete it soon (`openRetiredDeleter`).
 * Gives nothing if there is nothing left to delete.
 */
export function bridgeRetire(request: BridgeDetach): RetiredPair | undefined {
  return detach(request, retirePair);
}

function detach<T>(
  { owner, netns, addresses = [], masquerade, spoofCheck, mac }: BridgeDetach,
  removePair: (owner: Owner, netns: string | undefined) => T,
): T | undefined {
  let removed: T | undefined;
  const rules = { ...(masquerade === true ? { masquerade: "sets" as const } : {}), spoofCheck: spoofCheck === true };
  const failures = tryAll([
    () => takeRules(owner, rules, addresses, mac),
    // A network may have been changed from one layout to the other meanwhile.
    () => masquerade === true && upstreamMasqueradeDelete({ owner }),
    () => {
      removed = removePair(owner, netns);
    },
  ]);
  const [first] = failures;
  if (first !== undefined) throw first;
  return removed;
}

function takeRules(
  owner: Owner,
  { masquerade, spoofCheck }: Pick<BridgeAttach, "masquerade" | "spoofCheck">,
  addresses: readonly string[],
  mac: string | undefined,
): void {
  if (spoofCheck === true)
    spoofCheckDelete({ owner, hostIfName: hostEndName(owner), ...(mac === undefined ? {} : { mac }) });
  if (masquerade === "sets") masqueradeDelete({ owner, addresses });
  if (masquerade === "upstream") upstreamMasqueradeDelete({ owner });
}

function tryAll(steps: readonly (() => unknown)[]): readonly KxError[] {
  return steps.flatMap((step) => {
    try {
      step();
      return [];
    } catch (error) {
      return [KxError.from(error)];
    }
  });
}
