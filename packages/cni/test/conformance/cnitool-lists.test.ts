// Lists of all our plug-ins as cnitool calls them: executed, and by the daemon.
import { join } from "node:path";
import type { JsonObject, Result110 } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { daemonLab } from "../support/daemon-lab.ts";
import { elementCount, shared } from "../support/host.ts";
import { ask, flood, serve } from "../support/traffic.ts";
import { makeNodeLab, type NodeLab } from "./support/node-lab.ts";
import { buildCnitool, type CnitoolCall, done, ipamOf, runCnitool, whyNoCnitool } from "./support/run-cnitool.ts";

const patience = { timeout: 30_000, interval: 50 };
const [cniVersion, name] = ["1.1.0", "net"];

describe.skipIf(whyNoCnitool() !== undefined)("by cnitool, in lists", () => {
  let program: string;
  let lab: NodeLab;

  beforeAll(() => {
    program = buildCnitool();
  }, 600_000);
  beforeEach(async () => {
    lab = await makeNodeLab();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  /** Every plug-in but kx-ptp and kx-static, which are each in a list of their own. */
  const longest = (): readonly JsonObject[] => [
    {
      type: "kx-bridge",
      bridge: "kx0",
      isDefaultGateway: true,
      ipMasq: true,
      ipam: ipamOf(lab, "10.1.0.0/16", "fd00::/64"),
    },
    { type: "kx-portmap", capabilities: { portMappings: true } },
    { type: "kx-bandwidth", capabilities: { bandwidth: true } },
    {
      type: "kx-tuning",
      sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" },
      mtu: 1400,
      dataDir: join(lab.folder, "old"),
    },
    { type: "kx-firewall", ingressPolicy: "isolated" },
    { type: "kx-loopback" },
  ];
  const asked = {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    bandwidth: { ingressRate: 80_000_000, ingressBurst: 8_000_000, egressRate: 80_000_000, egressBurst: 8_000_000 },
  };
  const nothingLeft = async (pod: TestNetns) => {
    await expect.poll(() => netnsContents(pod), patience).toEqual([]);
    await expect.poll(() => shared(lab.host.netns), patience).toEqual([]);
    expect(lab.leases(name)).toEqual([]);
  };

  it.each(["executed", "by the daemon"])(
    "all are added, checked, asked and deleted, %s",
    async (how) => {
      using resident = daemonLab(lab.host.netns);
      await using daemon = how === "executed" ? undefined : await resident.startDaemon();
      const places = daemon === undefined ? {} : { CNI_PATH: resident.binDir, KX_CNI_SOCKET: resident.socketPath };
      const env = { ...places, CAP_ARGS: JSON.stringify(asked) };
      const pod = await lab.host.pod();
      const cnitool = (operation: CnitoolCall["operation"]) => runCnitool(lab, program, { operation, netns: pod, env });
      lab.network({ cniVersion, name, plugins: longest() });

      expect(await cnitool("status")).toEqual(done);
      const { exitCode, output } = await cnitool("add");
      expect([exitCode, (output as Result110).ips?.map(({ address }) => address)], JSON.stringify(output)).toEqual([
        0,
        ["10.1.0.2/16", "fd00::2/64"],
      ]);
      const [link] = await pod.links();
      expect(link).toMatchObject({ ifname: "eth0", mtu: 1400 });
      {
        await using _ = await serve(pod, { port: 80 });
        expect(await ask(lab.host.netns, "127.0.0.1", { port: 8080 })).toBe("10.1.0.1");
      }
      expect(await cnitool("check")).toEqual(done);
      await lab.host.netns.run("nft", "delete", "table", "inet", "kx_host_ports");
      expect(await cnitool("check")).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("8080/tcp is missing"),
      });
      for (let times = 0; times < 2; times++) expect(await cnitool("del")).toEqual(done);
      await nothingLeft(pod);

      expect(await cnitool("add")).toMatchObject({ exitCode: 0 });
      expect(await cnitool("gc")).toEqual(done);
      await nothingLeft(pod);
      expect(await elementCount(lab.host.netns)).toBe(0);
    },
    240_000,
  );

  it("kx-static gives a bridge what is written, and a user's own address", async () => {
    const pod = await lab.host.pod();
    const cnitool = (operation: CnitoolCall["operation"]) =>
      runCnitool(lab, program, { operation, netns: pod, env: { CNI_ARGS: "IP=10.1.0.7/16" } });
    const ipam = { type: "kx-static", addresses: [{ address: "fd00::7/64", gateway: "fd00::1" }] };
    lab.network({ cniVersion, name, plugins: [{ type: "kx-bridge", bridge: "kx0", isGateway: true, ipam }] });
    expect(await cnitool("add")).toMatchObject({ exitCode: 0 });
    expect((await pod.addresses("eth0")).toSorted()).toEqual(["10.1.0.7/16", "fd00::7/64"]);
    expect([await cnitool("check"), await cnitool("status"), await cnitool("del")]).toEqual([done, done, done]);
    await nothingLeft(pod);
  }, 120_000);

  it.each<[string, JsonObject]>([
    ["kx-ptp", { type: "kx-ptp" }],
    ["kx-bridge", { type: "kx-bridge", bridge: "kx0", isGateway: true }],
  ])(
    "kx-bandwidth behind %s makes it slower",
    async (_, first) => {
      // 1000 bytes a second, 20,000 at once, as many may wait: what comes later is too little to matter for minutes.
      const slow = {
        type: "kx-bandwidth",
        ingressRate: 8000,
        ingressBurst: 160_000,
        egressRate: 8000,
        egressBurst: 160_000,
      };
      const packets = 400;
      const through: Record<string, number> = {};
      for (const [network, plugins] of [
        ["free", [{ ...first, ipam: ipamOf(lab, "10.2.0.0/24") }]],
        ["slow", [{ ...first, bridge: "kx1", ipam: ipamOf(lab, "10.3.0.0/24") }, slow]],
      ] as const) {
        const pod = await lab.host.pod();
        lab.network({ cniVersion, name: network, plugins });
        const { exitCode, output } = await runCnitool(lab, program, { operation: "add", netns: pod, network });
        expect(exitCode, JSON.stringify(output)).toBe(0);
        const [ip] = (output as Result110).ips ?? [];
        const before = await received(pod);
        await flood(lab.host.netns, ip?.address.replace(/\/.*/, "") ?? "", packets);
        through[network] = (await received(pod)) - before;
        expect(await runCnitool(lab, program, { operation: "check", netns: pod, network })).toEqual(done);
        expect(await runCnitool(lab, program, { operation: "del", netns: pod, network })).toEqual(done);
      }
      const { free = 0, slow: limited = 0 } = through;
      expect(free, JSON.stringify(through)).toBeGreaterThan(packets * 500);
      expect(limited, JSON.stringify(through)).toBeGreaterThan(5000);
      expect(free / limited, JSON.stringify(through)).toBeGreaterThan(3);
    },
    120_000,
  );
});

async function received(pod: TestNetns): Promise<number> {
  const shown = await pod.run("ip", "-json", "-statistics", "link", "show", "dev", "eth0");
  const [{ stats64 }] = JSON.parse(shown) as [{ stats64: { rx: { bytes: number } } }];
  return stats64.rx.bytes;
}
