import { describe, expect, it } from "vitest";
import { encodeMessages } from "../netlink/message.ts";
import { addPortVlans, deleteLinkGroup, deletePortVlans, newLink, setBridgePort, setLink } from "./link-codec.ts";

const hex = (...requests: Parameters<typeof encodeMessages>[0]) =>
  Buffer.from(encodeMessages(requests, 1))
    .toString("hex")
    .match(/.{1,8}/g)
    ?.join(" ");

/** Words of four bytes, with what they are after a semicolon. */
const golden = (text: string) =>
  text
    .split("\n")
    .map((line) => line.replace(/;.*/, "").trim())
    .filter((line) => line !== "")
    .join(" ");

describe("messages about links", () => {
  it("make a pair with one end in another namespace", () => {
    const peer = { name: "eth0", netnsFd: 7, mac: "02:00:00:00:00:03", mtu: 1400 };
    const pair = newLink({ name: "veth1", up: true, master: 5, mtu: 1400, kind: { kind: "veth", peer } });
    expect(hex(pair)).toBe(
      golden(`
        8c000000 10000106 01000000 00000000 ; length, RTM_NEWLINK, REQUEST|CREATE|EXCL, sequence, port
        00000000 00000000 01000000 01000000 ; ifinfomsg: flags and change IFF_UP
        0a000300 76657468 31000000          ; IFLA_IFNAME veth1
        08000400 78050000                   ; IFLA_MTU 1400
        08000a00 05000000                   ; IFLA_MASTER
        50001280 09000100 76657468 00000000 ; IFLA_LINKINFO, IFLA_INFO_KIND veth
        40000280 3c000100                   ; IFLA_INFO_DATA, VETH_INFO_PEER
        00000000 00000000 00000000 00000000 ; ifinfomsg: not IFF_UP, which the kernel refuses here
        09000300 65746830 00000000          ; IFLA_IFNAME eth0
        0a000100 02000000 00030000          ; IFLA_ADDRESS
        08000400 78050000                   ; IFLA_MTU
        08001c00 07000000                   ; IFLA_NET_NS_FD
      `),
    );
  });

  it("make a bridge that filters VLANs", () => {
    expect(hex(newLink({ name: "b", kind: { kind: "bridge", vlanFiltering: true } }))).toBe(
      golden(`
        44000000 10000106 01000000 00000000
        00000000 00000000 00000000 00000000
        06000300 62000000
        1c001280 0b000100 62726964 67650000 ; IFLA_INFO_KIND bridge
        0c000280 05000700 01000000          ; IFLA_BR_VLAN_FILTERING
      `),
    );
  });

  it("set a port of a bridge", () => {
    expect(hex(setBridgePort(3, { hairpin: true, isolated: false }))).toBe(
      golden(`
        34000000 13000100 01000000 00000000 ; RTM_SETLINK
        07000000 03000000 00000000 00000000 ; AF_BRIDGE
        14000c80 05000400 01000000 05002100 00000000 ; IFLA_PROTINFO: IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED
      `),
    );
  });

  it("give VLANs to a port, single ones and ranges, and take them", () => {
    const vlans = [
      { first: 100, pvid: true, untagged: true },
      { first: 200, last: 210 },
    ];
    expect(hex(addPortVlans(3, vlans))).toBe(
      golden(`
        44000000 13000100 01000000 00000000
        07000000 03000000 00000000 00000000
        24001a80 06000000 01000000          ; IFLA_AF_SPEC, IFLA_BRIDGE_FLAGS master
        08000200 06006400                   ; IFLA_BRIDGE_VLAN_INFO: PVID|UNTAGGED 100
        08000200 0800c800 08000200 1000d200 ; RANGE_BEGIN 200, RANGE_END 210
      `),
    );
    expect(hex(deletePortVlans(3, [{ first: 1 }]))).toBe(
      golden(`
        34000000 11000100 01000000 00000000 ; RTM_DELLINK of AF_BRIDGE
        07000000 03000000 00000000 00000000
        14001a80 06000000 01000000 08000200 00000100
      `),
    );
  });

  it("delete a group, but never that of all", () => {
    expect(hex(deleteLinkGroup(42))).toBe(
      golden(`
        28000000 11000100 01000000 00000000
        00000000 00000000 00000000 00000000
        08001b00 2a000000                   ; IFLA_GROUP
      `),
    );
    expect(() => deleteLinkGroup(0)).toThrow(RangeError);
  });

  it("say which flags they mean", () => {
    expect(hex(setLink(9, { up: false, promiscuous: true, arpNotify: true }))).toBe(
      golden(`
        34000000 13000100 01000000 00000000
        00000000 09000000 00010000 01010000 ; IFF_PROMISC of IFF_UP|IFF_PROMISC
        14001a80 10000280 0c000180 08001600 01000000 ; IFLA_AF_SPEC, AF_INET, IFLA_INET_CONF, ARP_NOTIFY
      `),
    );
  });

  it("follow one another in a datagram, each numbered", () => {
    const bytes = encodeMessages([setLink(1, { up: true }), setLink(2, { up: true })], 41);
    expect(bytes.byteLength).toBe(64);
    expect([bytes[8], bytes[40]]).toEqual([41, 42]);
  });
});
