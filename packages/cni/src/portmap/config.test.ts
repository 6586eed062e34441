import type { PluginConfig, PortMapping } from "@kx/core/contracts/cni";
import { describe, expect, it } from "vitest";
import { hostPortItems } from "../net/host-ports-table.ts";
import { type PortmapConfig, readPorts } from "./config.ts";

const config = (portMappings: readonly PortMapping[], more: PortmapConfig = {}): PluginConfig & PortmapConfig => ({
  cniVersion: "1.1.0",
  name: "kxnet",
  type: "kx-portmap",
  runtimeConfig: { portMappings },
  ...more,
});
const web = { hostPort: 8080, containerPort: 80 };

describe("the ports that kx-portmap is asked for", () => {
  it("are TCP by default, in whatever letters, of all addresses or one", () => {
    expect(
      readPorts(config([web, { ...web, protocol: "UDP", hostIP: "" }, { ...web, protocol: "sctp", hostIP: "::" }])),
    ).toEqual([
      { ...web, protocol: "tcp" },
      { ...web, protocol: "udp" },
      { ...web, protocol: "sctp", hostIp: "::" },
    ]);
  });

  it.each([
    [{}, {}, false],
    [{}, { containerPort: 81 }, true],
    [{}, { containerPort: 81, protocol: "udp" }, false],
    [{}, { containerPort: 81, hostIP: "0.0.0.0" }, true],
    [{ hostIP: "::" }, { containerPort: 81, hostIP: "0.0.0.0" }, false],
    [{}, { containerPort: 81, hostIP: "192.0.2.1" }, false],
    [{ hostIP: "2001:db8::1" }, { containerPort: 81, hostIP: "2001:DB8:0::1" }, true],
  ])("%j and %j clash: %s", (one, other, isClash) => {
    const read = () =>
      readPorts(
        config([
          { ...web, ...one },
          { ...web, ...other },
        ]),
      );
    if (isClash) expect(read).toThrow("portMappings[1] and [0] both take the node's port 8080/tcp");
    else expect(read()).toHaveLength(2);
  });

  it("are told to the kernel once each", () => {
    const ports = readPorts(config([web, web, { ...web, hostIP: "0.0.0.0" }, { ...web, hostIP: "192.0.2.1" }]));
    const items = hostPortItems({ addresses: ["10.1.0.2/16", "fd00::2/64"], ports, masqueradeAll: true });
    expect(items.map(({ set, element }) => `${set.name} ${String(element.key)}`)).toEqual([
      "on_all4 tcp,8080",
      "on_one4 192.0.2.1,tcp,8080",
      "loops4 10.1.0.2,10.1.0.2",
      "loops4 127.0.0.1,10.1.0.2",
      "hidden4 10.1.0.2,tcp,80,8080",
      "on_all6 tcp,8080",
      "loops6 fd00::2,fd00::2",
      "hidden6 fd00::2,tcp,80,8080",
    ]);
    expect(hostPortItems({ addresses: ["10.1.0.2"], ports, masquerade: false })).toHaveLength(2);
    expect(
      hostPortItems({ addresses: ["fd00::2"], ports: [{ ...web, protocol: "tcp", hostIp: "192.0.2.1" }] }),
    ).toEqual([]);
  });
});
