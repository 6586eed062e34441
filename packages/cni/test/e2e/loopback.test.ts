// The container's loopback, in each version of the specification.
import { cniVersions, type JsonObject, type Result020 } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TestNetns } from "../../src/testing/netns.ts";
import { makePodNetwork, type PodNetwork } from "../support/pod-network.ts";
import { ask, serve } from "../support/traffic.ts";

let network: PodNetwork;
let pod: TestNetns;
beforeEach(async () => {
  network = await makePodNetwork();
  pod = await network.host.pod();
  await pod.run("ip", "link", "set", "lo", "down");
});
afterEach(() => network[Symbol.asyncDispose]());

const type = "kx-loopback";
const state = async () => (await pod.run("ip", "-brief", "link", "show", "lo")).includes("LOWER_UP");

describe.each(cniVersions)("loopback in %s", (cniVersion) => {
  it("sets it up, whatever name is asked for, and down again", async () => {
    const result = await network.ok({ command: "ADD", type, ifName: "eth0", netns: pod.path, config: { cniVersion } });
    expect(await state()).toBe(true);
    {
      await using _ = await serve(pod, { port: 80 });
      expect(await ask(pod, "127.0.0.1", { port: 80 })).toBe("127.0.0.1");
      expect(await ask(pod, "::1", { port: 80 })).toBe("::1");
    }
    const addresses = ["127.0.0.1/8", "::1/128"];
    if (cniVersion < "0.3.0") {
      const { ip4, ip6 } = result as unknown as Result020;
      expect([ip4?.ip, ip6?.ip]).toEqual(addresses);
    } else {
      expect(result).toMatchObject({
        interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: pod.path }],
        ips: addresses.map((address) => ({ address, interface: 0 })),
      });
    }
    const config = { cniVersion, prevResult: result as unknown as JsonObject };
    if (cniVersion >= "0.4.0") await network.ok({ command: "CHECK", type, netns: pod.path, config });
    await network.ok({ command: "DEL", type, netns: pod.path, config });
    expect(await state()).toBe(false);
    for (const netns of ["", "/nowhere"]) await network.ok({ command: "DEL", type, netns, config });
  });
});

describe("loopback", () => {
  it("tells in CHECK that it is down, or has lost an address", async () => {
    const prevResult = (await network.ok({ command: "ADD", type, netns: pod.path })) as unknown as JsonObject;
    const check = { command: "CHECK", type, netns: pod.path, config: { prevResult } } as const;
    await network.ok(check);
    await pod.run("ip", "address", "del", "127.0.0.1/8", "dev", "lo");
    await pod.run("ip", "link", "set", "lo", "down");
    expect(await network.fails(check)).toMatchObject({
      code: 999,
      msg: "[KX_CNI_CHECK] the loopback of a: lo is down; lo has lost 127.0.0.1/8; lo has lost ::1/128",
    });
  });

  it("passes on the result of the plug-in before it", async () => {
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0" }], ips: [{ address: "10.1.0.2/16" }] };
    expect(await network.ok({ command: "ADD", type, netns: pod.path, config: { prevResult } })).toEqual(prevResult);
    await network.ok({ command: "CHECK", type, netns: pod.path, config: { prevResult } });
  });

  it("has nothing to collect, and is always ready", async () => {
    await network.ok({ command: "STATUS", type });
    await network.ok({ command: "GC", type, config: { "cni.dev/valid-attachments": [] } });
    expect(await network.fails({ command: "ADD", type, netns: "/proc/self/status" })).toMatchObject({ code: 8 });
  });
});
