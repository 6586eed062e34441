import { type Attribute, type Attributes, bytes, nest, u8, u32, viewOf } from "../netlink/attributes.ts";
import { type NetlinkExchange, openExchange, type Request } from "../netlink/exchange.ts";
import { attributesAfter } from "../netlink/message.ts";
import { perNetns } from "../netlink/per-netns.ts";
import { familyOf, ipText } from "../rtnl/ip-bytes.ts";
import { readSysctl } from "./sysctl.ts";

/** A flow of UDP packets as connection tracking knows it. */
export interface UdpFlow {
  /** Where its first packet was sent to. */
  readonly destination: string;
  readonly port: number;
  /** Who answers it, after translation. */
  readonly answerer: string;
}

// Numbers of linux/netfilter/nfnetlink_conntrack.h.
const types = { get: 0x101, delete: 0x102 } as const;
const entry = { original: 1, reply: 2, id: 12, zone: 18, filter: 25 } as const;
const tuple = { ip: 1, protocol: 2 } as const;
const ip = { source4: 1, destination4: 2, source6: 3, destination6: 4 } as const;
const protocol = { number: 1, destinationPort: 3 } as const;
const originalFlags = 1;
/** CTA_FILTER_F_CTA_PROTO_NUM, CTA_FILTER_F_CTA_PROTO_DST_PORT. */
const [filterByProtocol, filterByPort] = [1 << 3, 1 << 5];
const udp = 17;
/** What the kernel wants of a nest that it is given back. */
const nestedFlag = 0x8000;

// Closing it would wait as that for nftables does: the kernel does not tell them apart.
const sharedConntrack: () => NetlinkExchange = perNetns(() => openExchange({ protocol: 12 }));

/**
 * Makes the kernel forget flows of UDP packets, which else go on as they were translated first for as long as packets come.
 * The kernel goes through all that it tracks, of whatever namespace, to find them, which takes some 10 ms a family.
 *
 * @param ports - one of which the first packets were sent to.
 */
export function forgetUdpFlows(family: 4 | 6, ports: ReadonlySet<number>, isMeant: (flow: UdpFlow) => boolean): void {
  if (isNothingTracked()) return;
  const socket = sharedConntrack();
  const entries = socket.dump(listFlows(family, ports)).map(({ payload }) => attributesAfter(payload, 4));
  const stale = entries.flatMap((all) => {
    const original = readTuple(all, entry.original);
    // Kernels before 5.8 list everything.
    if (original.number !== udp || !ports.has(original.destinationPort)) return [];
    const { destination, destinationPort: port } = original;
    const { source: answerer } = readTuple(all, entry.reply);
    return isMeant({ destination, port, answerer }) ? [deleteFlow(family, all)] : [];
  });
  socket.exchange(stale);
}

function isNothingTracked(): boolean {
  return readSysctl(["net", "netfilter", "nf_conntrack_count"]) === "0";
}

function listFlows(family: 4 | 6, ports: ReadonlySet<number>): Request {
  // The kernel takes one port; of several, this process chooses.
  const [port = 0] = ports.size === 1 ? ports : [];
  const byPort = bytes(protocol.destinationPort, Uint8Array.of(port >> 8, port & 0xff));
  const wanted = [u8(protocol.number, udp), ...(port === 0 ? [] : [byPort])];
  return {
    ...request(family, types.get, "list flows of UDP packets"),
    attributes: [
      nest(entry.original, [nest(tuple.protocol, wanted)]),
      nest(entry.filter, [u32(originalFlags, port === 0 ? filterByProtocol : filterByProtocol | filterByPort)]),
    ],
  };
}

function deleteFlow(family: 4 | 6, all: Attributes): Request {
  const again = (type: number, flag = 0): readonly Attribute[] => {
    const found = all.get(type);
    return found === undefined ? [] : [bytes(flag | type, found.bytes)];
  };
  return {
    ...request(family, types.delete, "forget a flow of UDP packets"),
    attributes: [...again(entry.original, nestedFlag), ...again(entry.id), ...again(entry.zone)],
    expect: ["ENOENT"],
  };
}

function request(family: 4 | 6, type: number, what: string): Request {
  // nfgenmsg: the family, then nothing that matters here.
  return { what, type, flags: 0, header: Uint8Array.of(familyOf({ family, value: 0n }), 0, 0, 0), attributes: [] };
}

function readTuple(all: Attributes, which: number) {
  const both = all.get(which)?.nested;
  const ips = both?.get(tuple.ip)?.nested;
  const ports = both?.get(tuple.protocol)?.nested;
  const text = (...either: readonly number[]) => {
    const found = either.map((type) => ips?.get(type)).find((one) => one !== undefined);
    return found === undefined ? "" : ipText(found.bytes);
  };
  const port = (type: number) => {
    const found = ports?.get(type)?.bytes;
    return found === undefined ? 0 : viewOf(found).getUint16(0);
  };
  return {
    source: text(ip.source4, ip.source6),
    destination: text(ip.destination4, ip.destination6),
    number: ports?.get(protocol.number)?.number,
    destinationPort: port(protocol.destinationPort),
  };
}
