import { type Attribute, bytes, nest, nestAfter, string, u8, u16, u32, viewOf } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import { parseMac } from "./mac.ts";
import {
  bridgeData,
  bridgeFlags,
  bridgePort,
  bridgeSpec,
  families,
  ipv4Conf,
  ipv6AddressMode,
  link,
  linkFlags,
  linkInfo,
  macvlanMode,
  types,
  vethPeer,
  vlanFlags,
} from "./numbers.ts";

/** A link by its index, or by its name. */
export type LinkRef = number | string;

/** What a link can be set to; what is absent stays as it is. */
export interface LinkSettings {
  /** A new name. */
  readonly name?: string;
  /** Up to 255 bytes that tell what it is for. */
  readonly alias?: string;
  /** `02:00:00:00:00:01`. */
  readonly mac?: string;
  readonly mtu?: number;
  readonly txQueueLength?: number;
  /** How many queues a new link has for each direction. Default: the kernel's, for a veth pair one for each processor. */
  readonly queues?: number;
  /** Index of the bridge; 0 for none. */
  readonly master?: number;
  /** A number under which links can be deleted together. */
  readonly group?: number;
  readonly up?: boolean;
  readonly promiscuous?: boolean;
  readonly allMulticast?: boolean;
  /** File descriptor of the network namespace that it goes to. */
  readonly netnsFd?: number;
  /** Whether it tells others of its address as soon as it is up. */
  readonly arpNotify?: boolean;
}

/** A link to make. */
export interface NewLink extends LinkSettings {
  readonly name: string;
  readonly kind: LinkKind;
}

export type LinkKind =
  | { readonly kind: "bridge"; readonly vlanFiltering?: boolean }
  | { readonly kind: "veth"; readonly peer: LinkSettings & { readonly name: string } }
  | { readonly kind: "ifb" | "dummy" }
  | { readonly kind: "macvlan"; readonly parent: number; readonly mode: "private" | "vepa" | "bridge" | "passthru" };

/** A link is made; `EEXIST` if its name, or its peer's, is taken. */
export function newLink({ kind, ...settings }: NewLink): Request {
  const data = kindData(kind);
  const info = [string(linkInfo.kind, kind.kind), ...(data.length === 0 ? [] : [nest(linkInfo.data, data)])];
  return {
    what: `make the ${kind.kind} ${settings.name}`,
    type: types.newLink,
    flags: messageFlags.create | messageFlags.exclusive,
    header: linkHeader(0, settings),
    attributes: [
      ...settingAttributes(settings),
      ...(kind.kind === "macvlan" ? [u32(link.link, kind.parent)] : []),
      nest(link.info, info),
    ],
  };
}

export function setLink(ref: LinkRef, settings: LinkSettings, what = `set the link ${ref}`): Request {
  return { ...linkRequest(types.setLink, ref, settings), what };
}

/** Turns the VLANs of a bridge on. A kernel that has none ignores it. */
export function filterVlans(index: number): Request {
  const data = nest(linkInfo.data, [u8(bridgeData.vlanFiltering, 1)]);
  return {
    ...linkRequest(types.newLink, index),
    attributes: [nest(link.info, [string(linkInfo.kind, "bridge"), data])],
    what: `turn on VLANs of the bridge ${index}`,
  };
}

/** Deletes a link; deleting one end of a veth pair deletes both. */
export function deleteLink(ref: LinkRef): Request {
  return { ...linkRequest(types.delLink, ref), what: `delete the link ${ref}` };
}

/** Deletes all links of a group, which takes hardly longer than one. Group 0 is everyone's and refused. */
export function deleteLinkGroup(group: number): Request {
  if (group === 0) throw new RangeError("links of group 0 are all that were never given a group");
  return { ...linkRequest(types.delLink, 0, { group }), what: `delete the links of group ${group}` };
}

/** The link gives itself no IPv6 address, and so asks no routers. Fails with `EAFNOSUPPORT` where there is no IPv6. */
export function withoutOwnAddress(ref: LinkRef): Request {
  const request = linkRequest(types.setLink, ref);
  const mode = nest(families.ipv6, [u8(ipv6AddressMode.attribute, ipv6AddressMode.none)]);
  return {
    ...request,
    attributes: [...request.attributes, nest(link.familySpec, [mode])],
    what: `leave the link ${ref} without an address of its own`,
  };
}

export function getLink(ref: LinkRef): Request {
  return withoutCounters({ ...linkRequest(types.getLink, ref), what: `find the link ${ref}` });
}

/** Every link, or with `master` those of a bridge. */
export function listLinks(filter: { readonly master?: number } = {}): Request {
  return withoutCounters({ ...linkRequest(types.getLink, 0, filter), what: "list links" });
}

/** Counters are most of what the kernel would tell of a link. */
function withoutCounters(request: Request): Request {
  const skipStatistics = 8;
  return { ...request, attributes: [...request.attributes, u32(link.extMask, skipStatistics)] };
}

export function addAltName(index: number, name: string): Request {
  return {
    ...linkRequest(types.newLinkProperty, index),
    flags: messageFlags.create | messageFlags.append | messageFlags.exclusive,
    attributes: [nest(link.properties, [string(link.altName, name)])],
    what: `give the link ${index} the name ${name} too`,
  };
}

/** Options of a link as the port of a bridge. */
export interface PortSettings {
  /** Whether what comes in may go out by the same port. */
  readonly hairpin?: boolean;
  /** Whether it may not speak with other isolated ports. */
  readonly isolated?: boolean;
}

export function setBridgePort(index: number, { hairpin, isolated }: PortSettings): Request {
  return {
    ...bridgeRequest(types.setLink, index, [
      nest(link.protocolInfo, [
        ...(hairpin === undefined ? [] : [u8(bridgePort.hairpin, Number(hairpin))]),
        ...(isolated === undefined ? [] : [u8(bridgePort.isolated, Number(isolated))]),
      ]),
    ]),
    what: `set the bridge port ${index}`,
  };
}

/** A VLAN, or a range of them, of a port. */
export interface PortVlan {
  readonly first: number;
  /** Default: `first` alone. */
  readonly last?: number;
  /** What comes in untagged is of this VLAN. */
  readonly pvid?: boolean;
  /** What goes out has no tag. */
  readonly untagged?: boolean;
}

export function addPortVlans(index: number, vlans: readonly PortVlan[]): Request {
  return {
    ...vlanRequest(types.setLink, index, vlans),
    what: `add VLANs ${vlanText(vlans)} to the bridge port ${index}`,
  };
}

export function deletePortVlans(index: number, vlans: readonly PortVlan[]): Request {
  return {
    ...vlanRequest(types.delLink, index, vlans),
    what: `remove VLANs ${vlanText(vlans)} from the bridge port ${index}`,
  };
}

function vlanRequest(type: number, index: number, vlans: readonly PortVlan[]): Request {
  const spec = [u16(bridgeSpec.flags, bridgeFlags.master), ...vlans.flatMap(vlanInfo)];
  return bridgeRequest(type, index, [nest(link.familySpec, spec)]);
}

function vlanInfo({ first, last = first, pvid = false, untagged = false }: PortVlan): readonly Attribute[] {
  const flags = (pvid ? vlanFlags.pvid : 0) | (untagged ? vlanFlags.untagged : 0);
  const info = (more: number, id: number) =>
    bytes(bridgeSpec.vlanInfo, new Uint8Array(Uint16Array.of(flags | more, id).buffer));
  return last === first ? [info(0, first)] : [info(vlanFlags.rangeBegin, first), info(vlanFlags.rangeEnd, last)];
}

function vlanText(vlans: readonly PortVlan[]): string {
  return vlans.map(({ first, last = first }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

function bridgeRequest(type: number, index: number, attributes: readonly Attribute[]): Request {
  const header = linkHeader(index, {});
  header[0] = families.bridge;
  return { what: "", type, flags: 0, header, attributes };
}

function linkRequest(type: number, ref: LinkRef, settings: LinkSettings = {}): Request {
  const isByName = typeof ref === "string";
  return {
    what: "",
    type,
    flags: 0,
    header: linkHeader(isByName ? 0 : ref, settings),
    attributes: [...(isByName ? [string(link.name, ref)] : []), ...settingAttributes(settings)],
  };
}

/** ifinfomsg: family, type, index, flags, and which flags are meant. */
function linkHeader(index: number, { up, promiscuous, allMulticast }: LinkSettings): Uint8Array {
  const header = new Uint8Array(16);
  const asked = [
    [linkFlags.up, up],
    [linkFlags.promiscuous, promiscuous],
    [linkFlags.allMulticast, allMulticast],
  ] as const;
  const view = viewOf(header);
  view.setInt32(4, index, true);
  view.setUint32(
    8,
    asked.reduce((sum, [bit, on]) => (on === true ? sum | bit : sum), 0),
    true,
  );
  view.setUint32(
    12,
    asked.reduce((sum, [bit, on]) => (on === undefined ? sum : sum | bit), 0),
    true,
  );
  return header;
}

function settingAttributes(settings: LinkSettings): readonly Attribute[] {
  const { name, alias, mac, mtu, txQueueLength, queues, master, group, netnsFd, arpNotify } = settings;
  const number = (type: number, value: number | undefined) => (value === undefined ? [] : [u32(type, value)]);
  return [
    ...(name === undefined ? [] : [string(link.name, name)]),
    ...(alias === undefined ? [] : [string(link.alias, alias)]),
    ...(mac === undefined ? [] : [bytes(link.address, parseMac(mac))]),
    ...number(link.mtu, mtu),
    ...number(link.txQueueLength, txQueueLength),
    ...number(link.txQueues, queues),
    ...number(link.rxQueues, queues),
    ...number(link.master, master),
    ...number(link.group, group),
    ...number(link.netnsFd, netnsFd),
    ...(arpNotify === undefined ? [] : [ipv4Settings(arpNotify)]),
  ];
}

function ipv4Settings(arpNotify: boolean): Attribute {
  const conf = nest(ipv4Conf.attribute, [u32(ipv4Conf.arpNotify, Number(arpNotify))]);
  return nest(link.familySpec, [nest(families.ipv4, [conf])]);
}

function kindData(kind: LinkKind): readonly Attribute[] {
  switch (kind.kind) {
    case "bridge":
      return kind.vlanFiltering === undefined ? [] : [u8(bridgeData.vlanFiltering, Number(kind.vlanFiltering))];
    case "veth":
      return [nestAfter(vethPeer, linkHeader(0, kind.peer), settingAttributes(kind.peer))];
    case "macvlan":
      return [u32(macvlanMode.attribute, macvlanMode[kind.mode])];
    case "ifb":
    case "dummy":
      return [];
  }
}
