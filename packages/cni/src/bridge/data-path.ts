import { KxError } from "@kx/core";
import { masqueradeAdd, masqueradeDelete } from "../net/masquerade.ts";
import { upstreamMasqueradeAdd, upstreamMasqueradeDelete } from "../net/masquerade-upstream.ts";
import { type OpenNetns, openNetns } from "../net/open-netns.ts";
import { hostEndName, type Owner } from "../net/owner.ts";
import { spoofCheckAdd, spoofCheckDelete } from "../net/spoof-check.ts";
import { writeSysctl } from "../net/sysctl.ts";
import { deleteLink } from "../rtnl/link-codec.ts";
import type { Link } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import { enableForwarding, ensureBridge, ensureGateways } from "./data-path-bridge.ts";
import { configurePod } from "./data-path-pod.ts";
import { makePair, type Pair, planPort } from "./data-path-port.ts";
import type { BridgeAttach, BridgeAttached, BridgeDetach, MadeInterface } from "./data-path-types.ts";
import { ensureVlanGateway, withVlans } from "./data-path-vlan.ts";

/** How long a port may take to come up before the caller looks after it, in tries of a millisecond. */
const upTries = 20;

/**
 * Attaches a container to a bridge. It blocks its thread, and changes its network namespace for a moment.
 *
 * A failure leaves nothing of the attachment, and nothing of another's is touched. What attachments share stays: the bridge,
 * its addresses, the node's forwarding, tables without elements.
 *
 * @throws KxError `KX_CNI_INTERFACE`, `KX_CNI_BRIDGE`, `KX_CNI_UNSUPPORTED`, `KX_CNI_NETNS` or `KX_CNI_NETLINK`.
 */
export function bridgeAttach(request: BridgeAttach): BridgeAttached {
  using host = openRtnl();
  using netns = openNetns(request.netns);
  const { bridge: settings, duplicateDetection = false } = request;
  const bridge = ensureBridge(host, settings, request.vlan !== undefined);
  const vlan = request.vlan?.native;
  const isGateway = (settings.gateways?.length ?? 0) > 0;
  const vlanGateway = isGateway && vlan !== undefined && vlan > 0 ? ensureVlanGateway(host, bridge, vlan) : undefined;
  ensureGateways(host, vlanGateway ?? bridge, settings, duplicateDetection);
  if (isGateway) enableForwarding(settings.gateways ?? []);
  const pair = makePair(host, bridge, netns, request);
  try {
    configure(host, netns, pair, request);
    return describe(host, bridge, pair, request, vlanGateway);
  } catch (error) {
    throw rollBack(host, request, pair, error);
  }
}

function configure(host: Rtnl, netns: OpenNetns, pair: Pair, request: BridgeAttach): void {
  withVlans(request.bridge.name, () => host.request(...planPort(pair.host.index, request)));
  writeSysctl(["net", "ipv6", "conf", pair.host.name, "accept_ra"], "0");
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
  const made = ({ name, mac, mtu }: Link): MadeInterface => ({ name, mac, mtu });
  return {
    bridge: made(bridge),
    host: made(pair.host),
    container: { name: request.owner.ifName, mac: pair.containerMac, mtu: pair.host.mtu },
    ...(vlanGateway === undefined ? {} : { vlanGateway: made(vlanGateway) }),
    isSettled: request.leaveDown === true || (request.duplicateDetection !== true && comesUp(host, pair.host.index)),
  };
}

/** The port is up as soon as the container's end is, but for what the kernel does a moment later. */
function comesUp(host: Rtnl, index: number): boolean {
  for (let left = upTries; left > 0; left--) {
    if (host.findLink(index)?.isRunning === true) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  return false;
}

/** Takes back what this call has made, which is known to be its own: the pair did not exist before. */
function rollBack(host: Rtnl, request: BridgeAttach, pair: Pair, cause: unknown): KxError {
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
export function bridgeDetach({ owner, netns, addresses = [], masquerade, spoofCheck, mac }: BridgeDetach): void {
  const rules = { ...(masquerade === true ? { masquerade: "sets" as const } : {}), spoofCheck: spoofCheck === true };
  const failures = tryAll([
    () => takeRules(owner, rules, addresses, mac),
    // A network may have been changed from one layout to the other meanwhile.
    () => masquerade === true && upstreamMasqueradeDelete({ owner }),
    () => deletePair(owner, netns),
  ]);
  const [first] = failures;
  if (first !== undefined) throw first;
}

function deletePair(owner: Owner, netns: string | undefined): void {
  using host = openRtnl();
  const [answer] = host.request({ ...deleteLink(hostEndName(owner)), expect: ["ENODEV"] });
  if (answer?.failed === undefined || netns === undefined) return;
  try {
    using container = openNetns(netns);
    container.enter(() => {
      using pod = openRtnl();
      pod.request({ ...deleteLink(owner.ifName), expect: ["ENODEV"] });
    });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return KxError.is(error) && error.code === "KX_CNI_NETNS" && error.details["errno"] === "ENOENT";
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
