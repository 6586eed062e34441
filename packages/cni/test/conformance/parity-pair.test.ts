// kx-ptp and kx-loopback beside those of containernetworking/plugins, and with them.
import { ensureAssets } from "@kx/cluster";
import { cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { makeNodeLab, type NodeLab, whyNot } from "./support/node-lab.ts";

const missing = whyNot();
if (missing !== undefined) console.error(`ptp and loopback are not compared with Go's: ${missing}`);

describe.skipIf(missing !== undefined)("beside the Go plug-ins", { timeout: 180_000 }, () => {
  let goFiles: readonly string[];
  let lab: NodeLab;
  let host: TestNetns;

  // The first time they are built.
  beforeAll(async () => {
    const names = ["ptp", "loopback", "host-local"];
    const assets = await ensureAssets({ names });
    goFiles = names.map((name) => assets.path(name));
  }, 600_000);
  beforeEach(async () => {
    lab = await makeNodeLab(goFiles);
    host = lab.host.netns;
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  async function done(command: "ADD" | "CHECK" | "DEL", type: string, pod: TestNetns, config: JsonObject) {
    const ifName = type.endsWith("loopback") ? "lo" : "eth0";
    const executed = await lab.call({ command, type, ifName, netns: pod.path, config });
    expect(executed, `${command} of ${type}: ${JSON.stringify(executed.output)}`).toMatchObject({ exitCode: 0 });
    return executed.output as JsonObject;
  }

  const both = ["10.1.0.0/16", "fd00::/64"];
  const networkOf = (subnets: readonly string[], more: JsonObject = {}): JsonObject => ({
    ...more,
    ipam: {
      type: "host-local",
      dataDir: lab.dataDir,
      ranges: subnets.map((subnet) => [{ subnet }]),
      routes: [{ dst: "0.0.0.0/0" }, ...(subnets.length > 1 ? [{ dst: "::/0" }] : [])],
    },
  });

  it.each(cniVersions)("ptp gives the same results and makes the same in %s", async (cniVersion) => {
    const networks = [networkOf(both), networkOf(["10.1.0.0/24"], { mtu: 1400, dns: { nameservers: ["192.0.2.3"] } })];
    for (const network of networks) {
      const told: unknown[] = [];
      for (const type of ["ptp", "kx-ptp"]) {
        const pod = await lab.host.pod();
        const config = { cniVersion, ...network };
        const result = await done("ADD", type, pod, config);
        told.push({ result: comparable(result, pod), state: await state(host, pod) });
        await done("DEL", type, pod, { ...config, prevResult: result });
        expect([await netnsContents(pod), lab.leases()]).toEqual([[], []]);
        await host.run("rm", "-rf", `${lab.dataDir}/kxnet`);
      }
      expect(told[1]).toEqual(told[0]);
    }
  });

  it.each([
    ["ptp", "kx-ptp"],
    ["kx-ptp", "ptp"],
  ])("what %s has added, %s checks and deletes", async (adder, other) => {
    const pod = await lab.host.pod();
    const config = networkOf(both, { ipMasq: true, ipMasqBackend: "nftables", ipMasqLayout: "upstream" });
    const chained = { ...config, prevResult: await done("ADD", adder, pod, config) };
    await done("CHECK", other, pod, chained);
    await pod.run("ip", "route", "del", "default");
    expect(await lab.call({ command: "CHECK", type: other, netns: pod.path, config: chained })).toMatchObject({
      exitCode: 1,
    });
    await done("DEL", other, pod, chained);
    expect([await netnsContents(pod), lab.leases(), (await host.links()).length]).toEqual([[], [], 0]);
    expect(await host.run("nft", "list", "ruleset")).not.toMatch(/id: a"/);
  });

  it.each(["0.3.1", "0.4.0", "1.0.0", "1.1.0"])("loopback does the same in %s", async (cniVersion) => {
    const told: unknown[] = [];
    const types = ["loopback", "kx-loopback"];
    for (const type of types) {
      // What Go gives in the versions before 1.0.0 is no result of theirs, and so cannot be read.
      const isReadable = type === "kx-loopback" || cniVersion >= "1.0.0";
      const other = isReadable ? (types.find((one) => one !== type) ?? "") : type;
      const pod = await lab.host.pod();
      await pod.run("ip", "link", "set", "lo", "down");
      const result = await done("ADD", type, pod, { cniVersion });
      const { ips, ...plain } = result;
      // Go gives addresses in the form of 1.0.0 in all versions.
      const addresses = (ips as readonly JsonObject[]).map((ip) => ({ ...ip, version: undefined }));
      told.push({
        result: comparable({ ...plain, ips: addresses }, pod),
        lo: await pod.run("ip", "-brief", "address", "show", "lo"),
      });
      const chained = { cniVersion, prevResult: result };
      if (cniVersion >= "0.4.0") await done("CHECK", other, pod, chained);
      await done("DEL", other, pod, chained);
      expect(await pod.run("ip", "link", "show", "lo")).toContain("state DOWN");
      if (cniVersion < "0.4.0") continue;
      const config = chained;
      expect(await lab.call({ command: "CHECK", type: other, ifName: "lo", netns: pod.path, config })).toMatchObject({
        exitCode: 1,
      });
    }
    expect(told[1]).toEqual(told[0]);
  });
});

/** A result without what differs from run to run, sizes that the Go plug-in does not tell, and what is empty. */
function comparable(result: JsonObject, pod: TestNetns): unknown {
  const isEmpty = (value: unknown) => typeof value === "object" && value !== null && Object.keys(value).length === 0;
  const text = JSON.stringify(result, (key, value: unknown) => (key === "mtu" || isEmpty(value) ? undefined : value));
  const plain = text
    .replaceAll(pod.path, "the pod")
    .replaceAll(/veth[0-9a-f]{8,11}/g, "the host's end")
    .replaceAll(/(?!00:00:00:00:00:00)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, "an address");
  return JSON.parse(plain);
}

/** What is made of a pod, at both ends. */
async function state(host: TestNetns, pod: TestNetns): Promise<unknown> {
  const [link] = await pod.links();
  const [end] = await host.links();
  const name = end?.ifname ?? "";
  const text = async (netns: TestNetns, family: 4 | 6) =>
    (await netns.routes(family)).map((route) => route.replaceAll(name, "the host's end"));
  return {
    link: { mtu: link?.mtu, kind: link?.linkinfo?.info_kind, ofHost: end?.mtu },
    addresses: [(await pod.addresses("eth0")).toSorted(), (await host.addresses(name)).toSorted()],
    routes: [await text(pod, 4), await text(pod, 6), await text(host, 4), await text(host, 6)],
  };
}
