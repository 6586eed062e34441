import type { JsonObject, PluginConfig } from "@kx/core/contracts/cni";
import { describe, expect, it } from "vitest";
import type { CniResult } from "../plugin/cni-plugin.ts";
import { type BridgeConfig, bridgeConfig } from "./config.ts";
import { planAttach, planCheck, planDetach, resultOf } from "./plugin-plan.ts";

async function request(fields: JsonObject) {
  const common = { cniVersion: "1.1.0", name: "net", type: "kx-bridge" };
  const checked = await bridgeConfig["~standard"].validate({ ...common, ...fields });
  if (checked.issues !== undefined) throw new Error(JSON.stringify(checked.issues));
  const config: PluginConfig & BridgeConfig = { ...common, ...checked.value };
  return { containerId: "a", ifName: "eth0", netns: "/run/netns/a", args: {}, config };
}

const given = {
  ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }, { address: "fd00::5/64" }],
  routes: [{ dst: "192.0.2.0/24" }],
};
const link = (name: string, mac: string) => ({ name, mac, mtu: 1500 });
const made = {
  bridge: link("cni0", "02:00:00:00:00:01"),
  host: link("veth0", "02:00:00:00:00:02"),
  container: link("eth0", "02:00:00:00:00:03"),
  isSettled: true,
};

describe("the plan of an attachment", () => {
  it("is plain without options", async () => {
    expect(planAttach(await request({}), given)).toEqual({
      owner: { network: "net", containerId: "a", ifName: "eth0" },
      netns: "/run/netns/a",
      bridge: { name: "cni0", promiscuous: false, forceAddress: false, gateways: [] },
      hairpin: false,
      isolated: false,
      duplicateDetection: false,
      leaveDown: false,
      spoofCheck: false,
      addresses: given.ips,
      routes: given.routes,
    });
  });

  it("makes the bridge a gateway, and only then finds out which", async () => {
    const { bridge, addresses, routes } = planAttach(await request({ isGateway: true }), given);
    expect(bridge.gateways).toEqual(["10.1.0.1/16", "fd00::1/64"]);
    expect(addresses).toEqual([given.ips[0], { address: "fd00::5/64", gateway: "fd00::1" }]);
    expect(routes).toEqual(given.routes);
  });

  it("adds default routes for the families that have none through a router", async () => {
    const routes = async (...all: readonly { readonly dst: string; readonly gw?: string }[]) =>
      planAttach(await request({ isDefaultGateway: true }), { ...given, routes: all }).routes;
    const both = [
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "::/0", gw: "fd00::1" },
    ];
    expect(await routes()).toEqual(both);
    expect(await routes({ dst: "0.0.0.0/0", gw: "10.1.0.9" })).toEqual([{ dst: "0.0.0.0/0", gw: "10.1.0.9" }, both[1]]);
    expect(await routes({ dst: "::/0" }, { dst: "0.0.0.0/0" })).toEqual(both.toReversed());
  });

  it("reads VLANs, sizes and masquerading", async () => {
    const fields = {
      mtu: 1400,
      vlan: 100,
      vlanTrunk: [{ id: 101, minID: 200, maxID: 210 }],
      preserveDefaultVlan: true,
      ipMasq: true,
      ipMasqLayout: "upstream",
    };
    expect(planAttach(await request(fields), given)).toMatchObject({
      mtu: 1400,
      bridge: { mtu: 1400 },
      vlan: {
        native: 100,
        trunk: [
          { first: 101, last: 101 },
          { first: 200, last: 210 },
        ],
        keepDefault: true,
      },
      masquerade: "upstream",
    });
    expect(planAttach(await request(fields), undefined)).not.toHaveProperty("masquerade");
  });
});

describe("the result of an attachment", () => {
  it("has the bridge, the host's end and the container's, and addresses of the last", async () => {
    const asked = await request({ isGateway: true });
    expect(resultOf(asked, planAttach(asked, given), made, given)).toEqual({
      interfaces: [
        { name: "cni0", mac: "02:00:00:00:00:01" },
        made.host,
        { ...made.container, sandbox: "/run/netns/a" },
      ],
      ips: [
        { address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 2 },
        { address: "fd00::5/64", gateway: "fd00::1", interface: 2 },
      ],
      routes: given.routes,
    });
  });

  it("has the gateway of a VLAN as the fourth", async () => {
    const asked = await request({ isGateway: true, vlan: 100 });
    const vlanGateway = link("cni0.100", "02:00:00:00:00:04");
    const { interfaces } = resultOf(asked, planAttach(asked, given), { ...made, vlanGateway }, given);
    expect(interfaces?.map(({ name }) => name)).toEqual(["cni0", "veth0", "eth0", "cni0.100"]);
  });
});

describe("what DEL and CHECK know of an attachment", () => {
  const prevResult: CniResult = {
    interfaces: [
      { name: "cni0", mac: "02:00:00:00:00:01" },
      { name: "eth0", mac: "02:00:00:00:00:09" },
      { name: "eth0", mac: "02:00:00:00:00:03", sandbox: "/run/netns/a" },
      { name: "net1", sandbox: "/run/netns/a" },
    ],
    ips: [
      { address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 2 },
      { address: "10.9.0.5/16", interface: 3 },
    ],
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
  };

  it("is what ADD said of its own interface", async () => {
    const asked = { ...(await request({ ipMasq: true, isGateway: true })), prevResult };
    expect(planDetach(asked)).toMatchObject({ addresses: ["10.1.0.5/16"], masquerade: true, mac: "02:00:00:00:00:03" });
    expect(planCheck(asked)).toMatchObject({
      bridge: { gateways: ["10.1.0.1/16"] },
      addresses: [{ address: "10.1.0.5/16" }],
      routes: prevResult.routes,
      attached: { bridgeMac: "02:00:00:00:00:01", containerMac: "02:00:00:00:00:03" },
      masquerade: "sets",
    });
  });

  it("is nothing without a result", async () => {
    expect(planDetach(await request({}))).toEqual({
      owner: { network: "net", containerId: "a", ifName: "eth0" },
      netns: "/run/netns/a",
      addresses: [],
      masquerade: false,
      spoofCheck: false,
    });
  });
});
