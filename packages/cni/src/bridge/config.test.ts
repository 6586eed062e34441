import { type CniError, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { collectingLogger } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { inputOf } from "../../test/support/pod-network.ts";
import type { NetCalls } from "../net/net-calls.ts";
import { handleCniCall } from "../plugin/handle-call.ts";
import { createPtp } from "../ptp/plugin.ts";
import { createBridge } from "./plugin.ts";

// A configuration that is wrong must not get as far as this.
const net: NetCalls = { call: () => Promise.reject(new Error("work was asked for")) };
const plugins = { bridge: createBridge({ net }), ptp: createPtp({ net }) };

async function failure(name: keyof typeof plugins, config: JsonObject, args?: string): Promise<CniError> {
  const call = { command: "ADD", netns: "/proc/self/ns/net", config, ...(args === undefined ? {} : { args }) } as const;
  const { env, stdin } = inputOf(call);
  const input = { env: { ...env, CNI_NETNS_OVERRIDE: "1" }, stdin };
  const { stdout } = await handleCniCall(plugins[name], input, { log: collectingLogger() });
  return JSON.parse(stdout) as CniError;
}

const wrong = (...problems: readonly string[]) => ({
  code: 7,
  msg: `[KX_CNI_CONFIG] the configuration is wrong: ${problems.join("; ")}`,
});

describe("the bridge's configuration", () => {
  it.each<[JsonObject, string]>([
    [{ bridge: "" }, "bridge must be an interface's name of 1 to 15 bytes"],
    [{ bridge: "sixteen-letters-" }, "bridge must be an interface's name of 1 to 15 bytes"],
    [{ bridge: "../cni0" }, "bridge must be an interface's name of 1 to 15 bytes"],
    [{ isGateway: "yes" }, "isGateway Invalid input: expected boolean, received string"],
    [{ mtu: -1 }, "mtu must be from 68 to 65535, or 0"],
    [{ mtu: 65_536 }, "mtu must be from 68 to 65535, or 0"],
    [{ vlan: -1 }, "vlan must be a VLAN from 1 to 4094, or 0 for none"],
    [{ vlan: 4095 }, "vlan must be a VLAN from 1 to 4094, or 0 for none"],
    [{ vlanTrunk: [{ id: 0 }] }, "vlanTrunk[0].id must be a VLAN from 1 to 4094"],
    [{ vlanTrunk: [{ id: 1 }, { minID: 1, maxID: 4095 }] }, "vlanTrunk[1].maxID must be a VLAN from 1 to 4094"],
    [{ vlanTrunk: [{ minID: 5 }] }, "vlanTrunk[0] must have minID and maxID together"],
    [{ vlanTrunk: [{ maxID: 5 }] }, "vlanTrunk[0] must have minID and maxID together"],
    [{ vlanTrunk: [{ minID: 6, maxID: 5 }] }, "vlanTrunk[0] must have a minID that is not above its maxID"],
    [{ vlanTrunk: [{}] }, "vlanTrunk[0] must have id, or minID and maxID"],
    [{ hairpinMode: true, promiscMode: true }, "hairpinMode must not be set together with promiscMode"],
    [
      { disableContainerInterface: true, ipam: { type: "kx-host-local" } },
      "disableContainerInterface must not be set together with ipam: an interface that is down has no addresses",
    ],
    [{ ipam: { subnet: "10.1.0.0/16" } }, "ipam must have a type: the plug-in that gives addresses"],
    [{ ipMasqLayout: "other" }, "ipMasqLayout must be sets or upstream"],
    [
      { args: { cni: { mac: "02:00" } } },
      "args.cni.mac must be the MAC address of one interface, such as 02:00:00:00:00:01",
    ],
    [
      { runtimeConfig: { mac: "01:00:00:00:00:01" } },
      "runtimeConfig.mac must be the MAC address of one interface, such as 02:00:00:00:00:01",
    ],
  ])("refuses %j", async (config, problem) => {
    expect(await failure("bridge", config)).toMatchObject(wrong(problem));
  });

  it("tells everything that is wrong at once, in every version", async () => {
    for (const cniVersion of cniVersions) {
      const config = {
        cniVersion,
        bridge: ".",
        mtu: 1,
        vlanTrunk: [{ minID: 0 }],
        hairpinMode: true,
        promiscMode: true,
      };
      expect(await failure("bridge", config)).toMatchObject({
        cniVersion,
        ...wrong(
          "bridge must be an interface's name of 1 to 15 bytes",
          "mtu must be from 68 to 65535, or 0",
          "vlanTrunk[0].minID must be a VLAN from 1 to 4094",
          "vlanTrunk[0] must have minID and maxID together",
          "hairpinMode must not be set together with promiscMode",
        ),
      });
    }
  });

  it("refuses a MAC address of CNI_ARGS that is none, unless the same is asked for otherwise", async () => {
    expect(await failure("bridge", {}, "MAC=00:00:00:00:00:00")).toMatchObject({
      code: 7,
      msg: '[KX_CNI_CONFIG] MAC of CNI_ARGS "00:00:00:00:00:00" must be the MAC address of one interface, such as 02:00:00:00:00:01',
    });
    const config = { runtimeConfig: { mac: "02:00:00:00:00:01" } };
    expect((await failure("bridge", config, "MAC=x")).msg).toBe("work was asked for");
  });

  it("lets what it does not know, empty and null fields be", async () => {
    const empty = {
      ipam: {},
      mtu: 0,
      vlan: 0,
      vlanTrunk: null,
      args: { cni: { mac: "" } },
      dns: {},
      ipMasqBackend: "",
    };
    expect((await failure("bridge", { ...empty, another: [1] })).msg).toBe("work was asked for");
  });
});

describe("the configuration of ptp", () => {
  it.each<[JsonObject, string]>([
    [{}, "ipam is required, with the type of the plug-in that gives addresses"],
    [{ ipam: {} }, "ipam is required, with the type of the plug-in that gives addresses"],
    [{ ipam: { subnet: "10.1.0.0/16" } }, "ipam must have a type: the plug-in that gives addresses"],
    [{ ipam: { type: "x" }, mtu: 60 }, "mtu must be from 68 to 65535, or 0"],
  ])("refuses %j", async (config, problem) => {
    expect(await failure("ptp", config)).toMatchObject(wrong(problem));
  });
});
