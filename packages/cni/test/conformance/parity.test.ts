// Our plug-ins beside those of containernetworking/plugins, and with them: the same results, and either's work by the other.
import { ensureAssets } from "@kx/cluster";
import { cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, shared } from "../support/host.ts";
import { ask, serve } from "../support/traffic.ts";
import { type Executed, makeNodeLab, type NodeLab, whyNot } from "./support/node-lab.ts";

const missing = whyNot();
if (missing !== undefined) console.error(`the plug-ins are not compared with Go's: ${missing}`);

describe.skipIf(missing !== undefined)("beside the Go plug-ins", () => {
  let goFiles: readonly string[];
  let lab: NodeLab;
  let host: TestNetns;

  // The first time they are built.
  beforeAll(async () => {
    const names = ["bridge", "host-local"] as const;
    const assets = await ensureAssets({ names });
    goFiles = names.map((name) => assets.path(name));
  }, 600_000);
  beforeEach(async () => {
    lab = await makeNodeLab(goFiles);
    host = lab.host.netns;
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  const ipam = (type: string, ...subnets: readonly string[]): JsonObject => ({
    type,
    dataDir: lab.dataDir,
    ranges: subnets.map((subnet) => [{ subnet }]),
  });
  const succeeded = (executed: Executed): JsonObject => {
    expect(executed, JSON.stringify(executed.output)).toMatchObject({ exitCode: 0 });
    return executed.output as JsonObject;
  };

  const both = ["10.1.0.0/16", "fd00::/64"];
  const shapes: readonly { readonly options: JsonObject; readonly subnets: readonly string[] }[] = [
    { options: { isDefaultGateway: true }, subnets: both },
    { options: { dns: { nameservers: ["192.0.2.3"] } }, subnets: both },
    { options: { isGateway: true, mtu: 1400 }, subnets: [] },
    { options: { isGateway: true, hairpinMode: true }, subnets: ["10.1.0.0/24"] },
  ];

  const sides = [
    { type: "bridge", ipam: "host-local" },
    { type: "kx-bridge", ipam: "kx-host-local" },
  ] as const;
  type OneSide = (typeof sides)[number];

  /** Attaches a pod, and takes it away with all that was made for it. Gives what is to be compared. */
  async function attachAndTell(side: OneSide, config: JsonObject, subnets: readonly string[]): Promise<unknown> {
    const pod = await lab.host.pod();
    const whole = subnets.length === 0 ? config : { ...config, ipam: ipam(side.ipam, ...subnets) };
    const call = { type: side.type, netns: pod.path, args: "IgnoreUnknown=1;MAC=02:00:00:00:00:07", config: whole };
    const output = succeeded(await lab.call({ ...call, command: "ADD" }));
    const told = { result: comparable(output, pod), state: await state(pod) };
    succeeded(await lab.call({ ...call, command: "DEL", config: { ...whole, prevResult: output } }));
    expect([await netnsContents(pod), lab.leases()]).toEqual([[], []]);
    await host.run("ip", "link", "delete", "kx0");
    await removeLeases(lab);
    return told;
  }

  it.each(cniVersions)("the results and what is made are the same in %s", async (cniVersion) => {
    // The first versions have no result without addresses: there Go fails.
    const known = shapes.filter(({ subnets }) => subnets.length > 0 || cniVersion >= "0.3.0");
    for (const { options, subnets } of known) {
      const config = { cniVersion, bridge: "kx0", ...options };
      const [theirs, ours] = [
        await attachAndTell(sides[0], config, subnets),
        await attachAndTell(sides[1], config, subnets),
      ];
      expect(ours).toEqual(theirs);
    }
    expect(known).toHaveLength(cniVersion >= "0.3.0" ? 4 : 3);
  });

  it("a difference in what was asked for is seen", async () => {
    const config = { bridge: "kx0", isGateway: true };
    const asked = await attachAndTell(sides[0], { ...config, isDefaultGateway: true }, both);
    const other = await attachAndTell(sides[1], config, both);
    expect(other).not.toEqual(asked);
    expect(await attachAndTell(sides[1], { ...config, mtu: 1400 }, both)).not.toEqual(other);
  });

  it.each(["0.4.0", "1.1.0"])("what one has added, the other checks and deletes, in %s", async (cniVersion) => {
    for (const [adder, other] of [sides, [sides[1], sides[0]]] as const) {
      const pod = await lab.host.pod();
      const config = (side: OneSide, prevResult?: JsonObject): JsonObject => ({
        cniVersion,
        bridge: "kx0",
        isDefaultGateway: true,
        ipMasq: true,
        ipMasqBackend: "nftables",
        ipMasqLayout: "upstream",
        ipam: ipam(side.ipam, ...both),
        ...(prevResult === undefined ? {} : { prevResult }),
      });
      const call = { netns: pod.path } as const;
      const result = succeeded(await lab.call({ ...call, ...adder, command: "ADD", config: config(adder) }));
      succeeded(await lab.call({ ...call, type: other.type, command: "CHECK", config: config(other, result) }));
      await pod.run("ip", "route", "del", "default");
      expect(
        await lab.call({ ...call, type: other.type, command: "CHECK", config: config(other, result) }),
      ).toMatchObject({ exitCode: 1 });
      succeeded(await lab.call({ ...call, type: other.type, command: "DEL", config: config(other, result) }));
      await expect.poll(() => left(host), { timeout: 20_000 }).toEqual([]);
      expect([await netnsContents(pod), lab.leases()]).toEqual([[], []]);
      expect(await host.run("nft", "list", "ruleset")).not.toMatch(/id: a"/);
    }
  });

  it.each([
    ["kx-bridge", "host-local"],
    ["bridge", "kx-host-local"],
  ])("%s has its addresses managed by %s", async (type, ipamType) => {
    const pod = await lab.host.pod();
    const config = { bridge: "kx0", isDefaultGateway: true, ipam: ipam(ipamType, ...both) };
    const call = { type, netns: pod.path } as const;
    const result = succeeded(await lab.call({ ...call, command: "ADD", config }));
    expect(result).toMatchObject({
      ips: [
        { address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 2 },
        { address: "fd00::2/64", gateway: "fd00::1", interface: 2 },
      ],
    });
    expect(lab.leases()).toEqual(["10.1.0.2", "fd00::2"]);
    await using _ = await serve(pod, { port: 80 });
    expect(await ask(host, "10.1.0.2", { port: 80 })).toBe("10.1.0.1");

    const chained = { ...config, prevResult: result };
    succeeded(await lab.call({ ...call, command: "CHECK", config: chained }));
    succeeded(await lab.call({ ...call, command: "STATUS", config }));
    // A second ADD is refused by whoever manages addresses, and leaves the first whole.
    expect(await lab.call({ ...call, command: "ADD", config })).toMatchObject({ exitCode: 1 });
    expect(lab.leases()).toEqual(["10.1.0.2", "fd00::2"]);
    for (let times = 0; times < 2; times++) succeeded(await lab.call({ ...call, command: "DEL", config: chained }));
    await expect.poll(async () => shared(host), { timeout: 20_000 }).toEqual([]);
    expect([await netnsContents(pod), lab.leases()]).toEqual([[], []]);
  });

  it("our bridge gives Go's leases back when an ADD fails, and passes its words on", async () => {
    const pod = await lab.host.pod();
    const config = { bridge: "lo", isGateway: true, ipam: ipam("host-local", ...both) };
    expect(await lab.call({ command: "ADD", netns: pod.path, config })).toMatchObject({
      exitCode: 1,
      output: { msg: "[KX_CNI_BRIDGE] the link lo is no bridge but a device" },
    });
    expect([lab.leases(), await netnsContents(pod)]).toEqual([[], []]);
    const full = { bridge: "kx0", ipam: { ...ipam("host-local"), ranges: [[{ subnet: "10.1.0.0/30" }]] } };
    succeeded(await lab.call({ command: "ADD", netns: pod.path, config: full }));
    const other = await lab.host.pod();
    const refused = await lab.call({ command: "ADD", containerId: "b", netns: other.path, config: full });
    expect(refused).toMatchObject({
      exitCode: 1,
      output: { msg: expect.stringContaining("no IP addresses available") },
    });
    expect(await netnsContents(other)).toEqual([]);
  });

  it("executables that run at once make one attachment", async () => {
    const pod = await lab.host.pod();
    const config = { bridge: "kx0", isDefaultGateway: true, ipMasq: true, ipam: ipam("kx-host-local", ...both) };
    const call = { command: "ADD", netns: pod.path, config } as const;
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => lab.call(call)));
    const winners = outcomes.filter(({ exitCode }) => exitCode === 0);
    expect(winners).toHaveLength(1);
    expect([lab.leases(), await elementCount(host)]).toEqual([["10.1.0.2", "fd00::2"], 2]);
    const prevResult = winners[0]?.output as JsonObject;
    succeeded(await lab.call({ ...call, command: "CHECK", config: { ...config, prevResult } }));
  });
});

/** A result without what differs from run to run, and without sizes, which the Go plug-in does not tell, and what is empty. */
function comparable(result: JsonObject, pod: TestNetns): unknown {
  const text = JSON.stringify(result, (key, value: unknown) => (key === "mtu" || isEmpty(value) ? undefined : value));
  return JSON.parse(
    text
      .replaceAll(pod.path, "the pod")
      .replaceAll(/veth[0-9a-f]{8,11}/g, "the host's end")
      .replaceAll(/(?!02:00:00:00:00:07)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, "an address"),
  );
}

/** Go writes an object for settings of names that are not there. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** What a plug-in has made of a pod. */
async function state(pod: TestNetns): Promise<unknown> {
  const [link] = await pod.links();
  return {
    link: { mtu: link?.mtu, address: link?.address, kind: link?.linkinfo?.info_kind },
    addresses: (await pod.addresses("eth0")).toSorted(),
    routes: [await pod.routes(), await pod.routes(6)],
    settings: await pod.run("sysctl", "-n", "net.ipv4.conf.eth0.arp_notify", "net.ipv6.conf.eth0.accept_dad"),
  };
}

/** What is left of attachments. Go looks for rules of iptables too, and so makes the tables of those. */
async function left(host: TestNetns): Promise<readonly string[]> {
  return (await shared(host)).filter((line) => !/^table ip6? nat$/.test(line));
}

/** Go goes on after the last address that was given: the next run is to begin anew. */
async function removeLeases({ host, dataDir }: NodeLab): Promise<void> {
  await host.netns.run("rm", "-rf", `${dataDir}/kxnet`);
}
