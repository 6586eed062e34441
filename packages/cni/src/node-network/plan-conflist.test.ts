import { describe, expect, it } from "vitest";
import { parseNetwork } from "../runtime/network.ts";
import { conflistName, firstConfiguration, planConflist, rangesOf } from "./plan-conflist.ts";

const settings = { network: "kx", bridge: "cni0" };
type Bridge = { readonly ipam: { readonly ranges: unknown; readonly routes: unknown }; readonly mtu?: number };

describe("the container runtime's configuration", () => {
  it("gives pods an address of each of the node's ranges, and the uplink's MTU", async () => {
    const text = planConflist({ podCidrs: ["10.244.1.0/24", "fd00:1::/64"] }, settings, 1450);
    const { name, cniVersion, plugins } = await parseNetwork(text);
    expect([name, cniVersion]).toEqual(["kx", "1.1.0"]);
    expect(plugins.map(({ type, capabilities = {} }) => [type, ...Object.keys(capabilities)])).toEqual([
      ["kx-bridge"],
      ["kx-portmap", "portMappings"],
      ["kx-bandwidth", "bandwidth"],
    ]);
    const bridge = plugins[0] as unknown as Bridge;
    expect(bridge.mtu).toBe(1450);
    expect(bridge.ipam).toEqual({
      type: "kx-host-local",
      ranges: [[{ subnet: "10.244.1.0/24" }], [{ subnet: "fd00:1::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
      avoidOtherNetworks: true,
    });
    expect(rangesOf(text)).toEqual(["10.244.1.0/24", "fd00:1::/64"]);
  });

  it("never lets a failure of STATUS evict pods: each plug-in is ready once", async () => {
    const { plugins } = await parseNetwork(planConflist({ podCidrs: ["10.244.1.0/24"] }, settings, undefined));
    expect(new Set(plugins.map((plugin) => plugin["statusPolicy"]))).toEqual(new Set(["ready-once"]));
    expect(plugins[0]).not.toHaveProperty("mtu");
  });
});

describe("the configuration that runtimes take", () => {
  it("is the first by name of those with an ending of one", () => {
    const names = ["README", ".10-kx.conflist.12", "10-kx.conflist", "20-a.conf", "05-b.txt"];
    expect(firstConfiguration(names)).toBe(conflistName("kx"));
    expect(firstConfiguration([...names, "00-multus.conf"])).toBe("00-multus.conf");
    expect(firstConfiguration(["README"])).toBeUndefined();
  });
});
