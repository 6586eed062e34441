// Our executables as cnitool calls them, the runtime of the specification's own repository.
import type { JsonObject, Result110 } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, shared } from "../support/host.ts";
import { ask, serve } from "../support/traffic.ts";
import { makeNodeLab, type NodeLab } from "./support/node-lab.ts";
import { buildCnitool, type CnitoolCall, done, ipamOf, runCnitool, whyNoCnitool } from "./support/run-cnitool.ts";

describe.skipIf(whyNoCnitool() !== undefined)("by cnitool", () => {
  let program: string;
  let lab: NodeLab;
  let pod: TestNetns;

  beforeAll(() => {
    program = buildCnitool();
  }, 600_000);
  beforeEach(async () => {
    lab = await makeNodeLab();
    pod = await lab.host.pod();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  const cnitool = (operation: CnitoolCall["operation"], netns = pod, env: NodeJS.ProcessEnv = {}) =>
    runCnitool(lab, program, { operation, netns, env });
  const write = (plugin: JsonObject, cniVersion = "1.1.0") =>
    lab.network({ cniVersion, name: "net", plugins: [plugin] });
  const bridge = (): JsonObject => ({
    type: "kx-bridge",
    bridge: "kx0",
    isDefaultGateway: true,
    ipMasq: true,
    ipam: ipamOf(lab, "10.1.0.0/16", "fd00::/64"),
  });

  it.each(["0.4.0", "1.0.0", "1.1.0"])("kx-bridge is added, checked and deleted in %s", async (cniVersion) => {
    write(bridge(), cniVersion);
    const added = await cnitool("add");
    expect(added).toMatchObject({ exitCode: 0, stderr: "" });
    expect(added.output).toMatchObject({
      cniVersion,
      interfaces: [{ name: "kx0" }, {}, { name: "eth0", sandbox: pod.path }],
      ips: [{ address: "10.1.0.2/16" }, { address: "fd00::2/64" }],
    });
    await using _ = await serve(pod, { port: 80 });
    expect(await ask(lab.host.netns, "10.1.0.2", { port: 80 })).toBe("10.1.0.1");
    expect(await ask(lab.host.netns, "fd00::2", { port: 80 })).toBe("fd00::1");
    expect(await cnitool("check")).toEqual(done);
    await pod.run("ip", "route", "del", "default");
    const failed = await cnitool("check");
    expect([failed.exitCode, failed.stderr]).toEqual([
      1,
      expect.stringContaining("the route to 0.0.0.0/0 via 10.1.0.1"),
    ]);
    expect(await cnitool("del")).toEqual(done);
    expect(await cnitool("del")).toEqual(done);
    expect([await netnsContents(pod), await shared(lab.host.netns), lab.leases("net")]).toEqual([[], [], []]);
    expect(await elementCount(lab.host.netns)).toBe(0);
  });

  it("kx-bridge is asked for a status, and collects what is gone", async () => {
    write({ ...bridge(), ipam: ipamOf(lab, "10.1.0.0/29") });
    expect(await cnitool("status")).toEqual(done);
    expect(await cnitool("add")).toMatchObject({ exitCode: 0 });
    const gone = await lab.host.pod();
    expect(await cnitool("add", gone)).toMatchObject({ exitCode: 0 });
    expect(lab.leases("net")).toEqual(["10.1.0.2", "10.1.0.3"]);
    // cnitool gives no list of what is valid, which libcni takes for an empty one: it deletes all that it has added.
    expect(await cnitool("gc")).toEqual(done);
    expect([lab.leases("net"), await netnsContents(pod), await netnsContents(gone)]).toEqual([[], [], []]);
  });

  it("kx-bridge gets what a user asks for", async () => {
    write({ ...bridge(), capabilities: { mac: true, ips: true } });
    const env = { CAP_ARGS: JSON.stringify({ mac: "02:00:00:00:00:07", ips: ["10.1.0.7"] }) };
    const { output } = await cnitool("add", pod, env);
    expect((output as Result110).interfaces?.[2]?.mac).toBe("02:00:00:00:00:07");
    expect((output as Result110).ips?.[0]?.address).toBe("10.1.0.7/16");
    expect(await cnitool("del", pod, env)).toEqual(done);
  });

  it("kx-ptp and kx-loopback are added, checked and deleted", async () => {
    const ipam = ipamOf(lab, "10.1.0.0/16");
    await pod.run("ip", "link", "set", "lo", "down");
    lab.network({
      cniVersion: "1.1.0",
      name: "net",
      plugins: [{ type: "kx-ptp", ipMasq: true, ipam }, { type: "kx-loopback" }],
    });
    const added = await cnitool("add");
    expect(added).toMatchObject({ exitCode: 0, output: { interfaces: [{}, { name: "eth0" }] } });
    expect(await pod.run("ip", "-brief", "link", "show", "lo")).toContain("LOWER_UP");
    await using _ = await serve(pod, { port: 80 });
    expect(await ask(lab.host.netns, "10.1.0.2", { port: 80 })).toBe("10.1.0.1");
    expect([await cnitool("check"), await cnitool("status"), await cnitool("del")]).toEqual([done, done, done]);
    expect([await netnsContents(pod), lab.leases("net")]).toEqual([[], []]);
  });

  it("a failure is told in the plug-in's words", async () => {
    write({ ...bridge(), vlan: 5000, mtu: 1 });
    const { exitCode, stderr } = await cnitool("add");
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("mtu must be from 68 to 65535, or 0; vlan must be a VLAN from 1 to 4094, or 0 for none"),
    ]);
  });
});
