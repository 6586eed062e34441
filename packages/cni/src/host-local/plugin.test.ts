// The cases of the Go plug-in's own test, in our words, and what is ours beyond them.
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostLocalLab, type LabCall, vanishingNamespace } from "../../test/support/host-local-lab.ts";
import { ipamCall } from "../../test/support/ipam-call.ts";
import { handleCniCall } from "../plugin/handle-call.ts";
import { createHostLocal } from "./plugin.ts";

let lab: ReturnType<typeof hostLocalLab>;

beforeEach(() => {
  lab = hostLocalLab();
});
afterEach(() => lab[Symbol.dispose]());

describe.each(cniVersions)("host-local in %s", (cniVersion) => {
  const isOld = cniVersion < "0.3.0";

  it("gives addresses and takes them back", async () => {
    const resolvConf = join(lab.dataDir, "resolv.conf");
    writeFileSync(resolvConf, "nameserver 192.0.2.3");
    const routes = [
      { dst: "0.0.0.0/0" },
      { dst: "::/0" },
      { dst: "192.168.0.0/16", gw: "1.1.1.1" },
      { dst: "2001:db8:2::0/64", gw: "2001:db8:3::1" },
    ];
    const ranges = [[{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }], [{ subnet: "2001:db8:1::0/64" }]];
    const made = { cniVersion, containerId: "dummy", ipam: { resolvConf, routes, ranges } };
    const result: unknown = await lab.done({ ...made, command: "ADD" });
    const [four, six] = [
      { address: "10.1.2.2/24", gateway: "10.1.2.1" },
      { address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" },
    ];
    const dns = { nameservers: ["192.0.2.3"] };
    if (isOld) {
      expect(result).toMatchObject({ ip4: { ip: four.address, gateway: four.gateway }, ip6: { ip: six.address }, dns });
    } else {
      const version = (family: string) => (cniVersion < "1.0.0" ? { version: family } : {});
      expect(result).toEqual({
        cniVersion,
        ips: [
          { ...version("4"), ...four },
          { ...version("6"), ...six },
        ],
        routes,
        dns,
      });
    }
    expect([lab.contentOf("10.1.2.2"), lab.contentOf("2001:db8:1::2")]).toEqual(["dummy\r\neth0", "dummy\r\neth0"]);
    expect(lab.contentOf("last_reserved_ip.0")).toBe("10.1.2.2");
    expect(lab.contentOf("last_reserved_ip.1")).toBe("2001:db8:1::2");
    await lab.done({ ...made, command: "DEL" });
    expect(lab.leases()).toEqual([]);
  });

  it("takes back what an interface has in one network, and nothing else of its container", async () => {
    const first = {
      cniVersion,
      containerId: "dummy",
      network: "net0",
      ipam: { ranges: [[{ subnet: "10.1.2.0/24" }]] },
    };
    const second = { ...first, network: "net1", ifName: "eth1", ipam: { ranges: [[{ subnet: "10.2.2.0/24" }]] } };
    await lab.done({ ...first, command: "ADD" });
    await lab.done({ ...second, command: "ADD" });
    expect([lab.contentOf("10.1.2.2", "net0"), lab.contentOf("10.2.2.2", "net1")]).toEqual([
      "dummy\r\neth0",
      "dummy\r\neth1",
    ]);
    await lab.done({ ...first, command: "DEL" });
    expect([lab.leases("net0"), lab.contentOf("10.2.2.2", "net1")]).toEqual([[], "dummy\r\neth1"]);
    await lab.done({ ...second, command: "DEL" });
    expect(lab.leases("net1")).toEqual([]);
  });

  it("refuses a second ADD of an interface and leaves it its lease", async () => {
    const made = { cniVersion, containerId: "dummy" };
    await lab.done({ ...made, command: "ADD" });
    expect((await lab.failed({ ...made, command: "ADD" })).msg).toContain("has 10.1.2.2 already");
    await lab.done({ ...made, command: "ADD", containerId: "dummy1" });
    await lab.failed({ ...made, command: "ADD" });
    expect(lab.leases()).toEqual(["10.1.2.2", "10.1.2.3"]);
    expect(lab.contentOf("10.1.2.2")).toBe("dummy\r\neth0");
    await lab.done({ ...made, command: "ADD", ifName: "eth1" });
    await lab.done({ ...made, command: "DEL" });
    expect(lab.leases()).toEqual(["10.1.2.3", "10.1.2.4"]);
  });

  it("takes back a lease that an old plug-in wrote, without an interface", async () => {
    await lab.done({ cniVersion, command: "ADD", containerId: "dummy" });
    writeFileSync(lab.lease("10.1.2.2"), "dummy");
    await lab.failed({ cniVersion, command: "ADD", containerId: "dummy", ifName: "eth7" }, createHostLocal());
    await lab.done({ cniVersion, command: "DEL", containerId: "dummy" }, createHostLocal());
    expect(lab.leases()).toEqual([]);
  });

  it("has nothing against a DEL of an unknown container, and makes nothing for it", async () => {
    await lab.done({ cniVersion, command: "DEL", containerId: "dummy", ipam: { subnet: "10.1.2.0/24" } });
    expect(readdirSync(lab.dataDir)).toEqual([]);
    await lab.done({ cniVersion, command: "ADD", containerId: "other" });
    await lab.done({ cniVersion, command: "DEL", containerId: "dummy" });
    expect(lab.leases()).toEqual(["10.1.2.2"]);
  });

  it("ignores white space in files", async () => {
    await lab.done({ cniVersion, command: "ADD" });
    writeFileSync(lab.lease("10.1.2.2"), "  a\r\neth0 \n");
    await lab.done({ cniVersion, command: "DEL" }, createHostLocal());
    expect(lab.leases()).toEqual([]);
  });

  it("says nothing beside its result on the first call", async () => {
    const { stderr, exitCode } = await lab.call({ cniVersion, command: "ADD" });
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(lab.log.messages("error")).toEqual([]);
  });

  it("gives addresses that are asked for, in one range, in many and of both families", async () => {
    const ask = (...ips: readonly string[]) => ({ args: { cni: { ips } } });
    const result: unknown = await lab.done({ cniVersion, command: "ADD", containerId: "b", fields: ask("10.1.2.88") });
    expect(result).toMatchObject(isOld ? { ip4: { ip: "10.1.2.88/24" } } : { ips: [{ address: "10.1.2.88/24" }] });
    const both = {
      ranges: [[{ subnet: "172.16.1.0/24" }, { subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:1::/48" }]],
    };
    const asked = ask("10.1.2.89", "2001:db8:1::999");
    const two: unknown = await lab.done({ cniVersion, command: "ADD", containerId: "c", ipam: both, fields: asked });
    const [four, six] = ["10.1.2.89/24", "2001:db8:1::999/48"];
    expect(two).toMatchObject(
      isOld ? { ip4: { ip: four }, ip6: { ip: six } } : { ips: [{ address: four }, { address: six }] },
    );
    const many = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]] };
    const more: LabCall = {
      cniVersion,
      command: "ADD",
      containerId: "d",
      ipam: many,
      fields: ask("10.1.2.90", "10.1.3.77"),
    };
    const unusable: LabCall = { ...more, containerId: "e", fields: ask("10.1.2.91", "10.1.2.92") };
    if (isOld) {
      expect(await lab.failed(more)).toMatchObject({
        code: 7,
        msg: expect.stringContaining("more than 1 address per family"),
      });
      return;
    }
    expect((await lab.done(more)).ips?.map(({ address }) => address)).toEqual(["10.1.2.90/24", "10.1.3.77/24"]);
    expect((await lab.failed(unusable)).msg).toMatch(/cannot give the requested 10\.1\.2\.92/);
    expect(lab.leases()).not.toContain("10.1.2.91");
  });
});

describe("requests", () => {
  it("come from CNI_ARGS, args.cni and runtimeConfig", async () => {
    expect(await lab.addresses({ args: "IP=10.1.2.10/24;K8S_POD_NAME=x", containerId: "a" })).toEqual(["10.1.2.10/24"]);
    expect(await lab.addresses({ fields: { runtimeConfig: { ips: ["10.1.2.12"] } }, containerId: "b" })).toEqual([
      "10.1.2.12/24",
    ]);
    const runtimeConfig = {
      ipRanges: [[{ Subnet: "10.9.0.0/24", RangeStart: "10.9.0.7", RangeEnd: "", Gateway: "" }]],
    };
    expect(await lab.addresses({ fields: { runtimeConfig }, containerId: "c" })).toEqual([
      "10.9.0.7/24",
      "10.1.2.2/24",
    ]);
  });

  it("of a taken address, or the gateway's, fail and leave no lease", async () => {
    await lab.addresses({ args: "IP=10.1.2.10" });
    expect(await lab.failed({ command: "ADD", containerId: "b", args: "IP=10.1.2.10" })).toMatchObject({ code: 999 });
    expect(await lab.failed({ command: "ADD", containerId: "b", args: "IP=10.1.2.1" })).toMatchObject({ code: 7 });
    expect(lab.leases()).toEqual(["10.1.2.10"]);
  });
});

describe("a full pool", () => {
  const ipam = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00::/126", rangeEnd: "fd00::2" }]] };

  it("fails ADD with code 11 and a text that says which and how large, and gives nothing out of other sets", async () => {
    await lab.addresses({ ipam });
    const { code, msg } = await lab.failed({ command: "ADD", containerId: "b", ipam });
    expect([code, msg]).toEqual([
      11,
      "[KX_CNI_POOL_EXHAUSTED] no address is free in fd00::1-fd00::2: the only one is taken",
    ]);
    expect(lab.leases()).toEqual(["10.1.2.2", "fd00::2"]);
  });

  it("is told by STATUS with code 50; before and after, STATUS succeeds", async () => {
    await lab.done({ command: "STATUS", ipam });
    await lab.addresses({ ipam });
    expect(await lab.failed({ command: "STATUS", ipam })).toMatchObject({
      code: 50,
      msg: "[KX_CNI_NOT_AVAILABLE] no address is free in fd00::1-fd00::2: the only one is taken",
    });
    await lab.done({ command: "DEL", ipam });
    await lab.done({ command: "STATUS", ipam });
  });

  it("gets back the address of a container whose namespace is gone", async () => {
    const gone = await vanishingNamespace();
    await lab.done({ command: "ADD", containerId: "gone", netns: gone.path, ipam });
    await lab.failed({ command: "STATUS", ipam });
    await lab.failed({ command: "ADD", containerId: "b", ipam });
    await gone.end();
    await lab.done({ command: "STATUS", ipam });
    expect(await lab.addresses({ containerId: "b", ipam })).toEqual(["10.1.2.4/24", "fd00::2/126"]);
    expect(lab.log.messages("info")).toContain("addresses reclaimed from attachments whose namespace is gone");
  });
});

it("tells by STATUS with code 50 that there can be no leases, before a container asks for one", async () => {
  writeFileSync(join(lab.dataDir, "file"), "");
  const dataDir = join(lab.dataDir, "file", "leases");
  const ipam = { ranges: [[{ subnet: "10.1.2.0/24" }]], dataDir };
  expect(await lab.failed({ command: "STATUS", ipam })).toMatchObject({
    code: 50,
    msg: expect.stringContaining("the leases cannot be locked: ENOTDIR"),
  });
});

describe("a configuration that is wrong", () => {
  it.each<[JsonObject, RegExp]>([
    [{ ranges: [[{ subnet: "10.1.2.0/31" }]] }, /too small/],
    [{ ranges: [[{ rangeStart: "10.1.2.0" }]] }, /subnet/],
    [{ ranges: [] }, /ipam\.ranges is missing/],
    [{ ranges: "10.1.2.0/24" }, /ranges/],
    [{ subnet: "10.1.2.0/24", routes: [{ dst: "10.0.0.0" }] }, /routes/],
  ])("as %j fails ADD, CHECK and STATUS with code 7, but DEL frees leases", async (ipam, problem) => {
    for (const command of ["ADD", "CHECK", "STATUS"] as const) {
      const failure = await lab.failed({ command, ipam, fields: { prevResult: {} } });
      expect(failure).toMatchObject({ code: 7, msg: expect.stringMatching(problem) });
    }
    expect(readdirSync(lab.dataDir)).toEqual([]);
  });

  it("that lacks ipam fails", async () => {
    const made = { ...ipamCall({ command: "ADD", ipam: {} }), stdin: '{"cniVersion":"1.0.0","name":"n","type":"t"}' };
    expect((await handleCniCall(lab.plugin, made, { log: lab.log })).stdout).toMatch(/"code":7.*ipam/);
  });

  it("that names no such resolv.conf fails before an address is given", async () => {
    const ipam = { subnet: "10.1.2.0/24", resolvConf: "/nowhere" };
    expect(await lab.failed({ command: "ADD", ipam })).toMatchObject({ code: 5 });
    expect(readdirSync(lab.dataDir)).toEqual([]);
  });

  it.each([
    ["is a file", (dataDir: string) => join(dataDir, "file"), "n"],
    ["is no path", () => "\0", "n"],
    ["cannot have a folder of that name", (dataDir: string) => dataDir, "n".repeat(256)],
  ])("whose dataDir %s fails with code 5", async (_, dataDirOf, network) => {
    writeFileSync(join(lab.dataDir, "file"), "");
    const ipam = { subnet: "10.1.2.0/24", dataDir: dataDirOf(lab.dataDir) };
    expect(await lab.failed({ command: "ADD", network, ipam })).toMatchObject({ code: 5 });
    expect(readdirSync(lab.dataDir)).toEqual(["file"]);
  });

  it("no longer keeps DEL from freeing what an earlier one gave", async () => {
    await lab.addresses({});
    await lab.done({ command: "DEL", ipam: { ranges: [[{ subnet: "10.1.2.7/24" }]] } });
    expect(lab.leases()).toEqual([]);
  });
});

describe("CHECK", () => {
  it("fails when a lease is gone, or belongs to another", async () => {
    const ipam = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00::/64" }]] };
    const check: LabCall = { command: "CHECK", ipam, fields: { prevResult: { cniVersion: "1.1.0" } } };
    expect((await lab.failed(check)).msg).toMatch(/KX_CNI_LEASE_MISSING/);
    await lab.addresses({ ipam });
    await lab.done(check);
    await lab.failed({ ...check, ifName: "eth1" });
    rmSync(lab.lease("fd00::2"));
    expect((await lab.failed(check)).msg).toMatch(/eth0 of a has no lease in fd00::1-fd00::ffff:ffff:ffff:ffff$/);
  });
});

describe("many at once", () => {
  it("give one winner to 50 ADDs of one interface, whose lease stays whole", async () => {
    const made: LabCall = {
      command: "ADD",
      ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00::/64" }]] },
    };
    const others = [lab.plugin, createHostLocal()];
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => lab.call(made, others[index % 2])));
    expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect([lab.contentOf("10.1.2.2"), lab.contentOf("fd00::2")]).toEqual(["a\r\neth0", "a\r\neth0"]);
    expect(readdirSync(join(lab.dataDir, "net"))).toHaveLength(5);
  });
});
