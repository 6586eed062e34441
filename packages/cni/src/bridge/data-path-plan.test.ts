import { describe, expect, it } from "vitest";
import { encodeMessages } from "../netlink/message.ts";
import { planPod } from "./data-path-pod.ts";
import { planPort } from "./data-path-port.ts";
import type { BridgeAttach } from "./data-path-types.ts";

const plain: BridgeAttach = {
  owner: { network: "kxnet", containerId: "a", ifName: "eth0" },
  netns: "/run/netns/a",
  bridge: { name: "kx0" },
  addresses: [],
  routes: [],
};
const plan = (more: Partial<BridgeAttach>) => planPort(3, { ...plain, ...more }).map(({ what }) => what);
const pod = (more: Partial<BridgeAttach>) => planPod(2, { ...plain, ...more });

describe("the plan of a port", () => {
  it("is nothing for a port without options", () => {
    expect(plan({})).toEqual([]);
    expect(plan({ hairpin: false, isolated: false })).toEqual([]);
  });

  it.each([
    [{ native: 100 }, ["remove VLANs 1-4094 from", "add VLANs 100 to"]],
    [{ native: 100, keepDefault: true }, ["add VLANs 100 to"]],
    [{ native: 0 }, []],
    [{ native: 1 }, ["remove VLANs 1-4094 from", "add VLANs 1 to"]],
    [
      {
        trunk: [
          { first: 101, last: 101 },
          { first: 200, last: 210 },
        ],
      },
      ["remove VLANs 1-4094 from", "add VLANs 1 to", "add VLANs 101 to", "add VLANs 200-210 to"],
    ],
    [{ native: 5, trunk: [{ first: 7, last: 8 }] }, ["remove VLANs 1-4094 from", "add VLANs 5 to", "add VLANs 7-8 to"]],
  ])("has the VLANs %j", (vlan, expected) => {
    expect(plan({ vlan })).toEqual(expected.map((start) => `${start} the bridge port 3`));
  });

  it("lets untagged frames be of the port's own VLAN alone", () => {
    const [, native, trunk] = planPort(3, { ...plain, vlan: { native: 100, trunk: [{ first: 101, last: 101 }] } });
    const end = (request: typeof native) =>
      Buffer.from(encodeMessages(request === undefined ? [] : [request], 1))
        .subarray(-4)
        .toString("hex");
    // bridge_vlan_info: PVID|UNTAGGED 100; 101.
    expect([end(native), end(trunk)]).toEqual(["06006400", "00006500"]);
  });
});

describe("the plan of a container's interface", () => {
  const addresses = [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }, { address: "fd00::5/64" }];

  it("gives addresses before it sets up the link, and routes after", () => {
    const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }, { dst: "192.0.2.9/24", gw: "10.1.0.9" }];
    expect(pod({ addresses, routes }).map(({ what }) => what)).toEqual([
      "give 10.1.0.5/16 to the link 2",
      "give fd00::5/64 to the link 2",
      "set up eth0 in /run/netns/a",
      "add the route 0.0.0.0/0 via 10.1.0.1 at the link 2",
      "add the route ::/0 at the link 2",
      "add the route 192.0.2.0/24 via 10.1.0.9 at the link 2",
    ]);
  });

  it("gives a route of the link no router by itself", () => {
    const [, , , route] = pod({ addresses, routes: [{ dst: "192.0.2.0/24", scope: 253 }] });
    expect(route?.what).toBe("add the route 192.0.2.0/24 at the link 2");
  });

  it("asks about IPv6 addresses only if told to", () => {
    const flags = (duplicateDetection: boolean) =>
      pod({ addresses, duplicateDetection })[1]?.attributes.some(({ type }) => type === 8);
    expect([flags(false), flags(true)]).toEqual([true, false]);
  });
});
