import { describe, expect, expectTypeOf, it, test } from "vitest";
import type { Infer } from "../../schema.ts";
import {
  type CniResults,
  type CniVersion,
  cniNamePattern,
  cniResults,
  cniVersions,
  interfaceNamePattern,
  networkConfigList,
  type PluginConfig,
  pluginConfig,
} from "./index.ts";

describe("CNI's configuration", () => {
  it("is of version 0.1.0 if it does not say", () => {
    expect(pluginConfig["~standard"].validate({ name: "a", type: "b" })).toEqual({
      value: { cniVersion: "0.1.0", name: "a", type: "b" },
    });
  });

  it("takes what containerd fills in, in Go's spelling", () => {
    const runtimeConfig = {
      portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: "" }],
      ipRanges: [[{ Subnet: "10.1.0.0/16", RangeStart: "", RangeEnd: "", Gateway: "" }]],
      bandwidth: { IngressRate: 1, IngressBurst: 2, EgressRate: 3, EgressBurst: 4 },
      dns: { Servers: null, Searches: ["a"], Options: [] },
    };
    expect(pluginConfig["~standard"].validate({ name: "a", type: "b", runtimeConfig })).toMatchObject({
      value: {
        runtimeConfig: {
          portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "" }],
          ipRanges: [[{ subnet: "10.1.0.0/16", rangeStart: "", rangeEnd: "", gateway: "" }]],
          bandwidth: { ingressRate: 1, ingressBurst: 2, egressRate: 3, egressBurst: 4 },
          dns: { servers: [], searches: ["a"], options: [] },
        },
      },
    });
  });

  it("takes flags of a list as texts too, and none as false", () => {
    expect(networkConfigList["~standard"].validate({ name: "a", disableCheck: "true", disableGC: "false" })).toEqual({
      value: {
        cniVersion: "0.1.0",
        name: "a",
        disableCheck: true,
        disableGC: false,
        loadOnlyInlinedPlugins: false,
      },
    });
  });

  it("has types that say what the schemas give", () => {
    expectTypeOf<Infer<typeof pluginConfig>>().toEqualTypeOf<PluginConfig>();
    expectTypeOf<Infer<(typeof cniResults)["0.4.0"]>>().toEqualTypeOf<CniResults["0.4.0"]>();
    expectTypeOf<keyof CniResults>().toEqualTypeOf<CniVersion>();
    expectTypeOf<PluginConfig["cni.dev/valid-attachments"]>().toEqualTypeOf<
      readonly { readonly containerID: string; readonly ifname: string }[] | null | undefined
    >();
  });
});

describe("CNI's results", () => {
  it("have a schema for each version", () => {
    expect(Object.keys(cniResults)).toEqual([...cniVersions]);
  });
});

describe("CNI's names", () => {
  test.each(["eth0", "a", "veth0123456789a", "wg-0", "e.1"])("%s is an interface", (name) => {
    expect(name).toMatch(interfaceNamePattern);
  });
  test.each(["", ".", "..", "a/b", "a:b", "a b", "veth0123456789ab", "a\n"])("%j is none", (name) => {
    expect(name).not.toMatch(interfaceNamePattern);
  });
  test.each(["", ".a", "-a", "a/b", "a b", "a\n"])("%j names no container or network", (name) => {
    expect(name).not.toMatch(cniNamePattern);
  });
});
