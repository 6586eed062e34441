import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBandwidth } from "../../src/bandwidth/plugin.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { type ChainedLab, makeChainedLab } from "../support/chained-lab.ts";
import { flood } from "../support/traffic.ts";

let lab: ChainedLab;
let bandwidth: ReturnType<typeof createBandwidth>;
beforeEach(async () => {
  lab = await makeChainedLab();
  bandwidth = createBandwidth({ net: lab.net });
});
afterEach(() => lab[Symbol.asyncDispose]());

const megabit = 1_000_000;
const limits = {
  ingressRate: 8 * megabit,
  ingressBurst: 4 * megabit,
  egressRate: 16 * megabit,
  egressBurst: 2 * megabit,
};
const limited = (bandwidthLimits: object) => ({ runtimeConfig: { bandwidth: { ...bandwidthLimits } } });
/** sha512("kxnet" + "a"). */
const ifbOfA = "bwp58e052f6abc3";

interface Qdisc {
  readonly kind: string;
  readonly dev: string;
  readonly options: { readonly rate?: number; readonly burst?: number; readonly lat?: number };
}
const qdiscs = async () =>
  (JSON.parse(await lab.host.netns.run("tc", "-json", "qdisc", "show")) as readonly Qdisc[]).filter(
    ({ kind }) => kind !== "noqueue",
  );
const ifbs = async () =>
  (await lab.host.netns.links()).filter(({ linkinfo }) => linkinfo?.info_kind === "ifb").map(({ ifname }) => ifname);

async function received(netns: TestNetns, link: string): Promise<number> {
  const shown = await netns.run("ip", "-json", "-statistics", "link", "show", "dev", link);
  const [{ stats64 }] = JSON.parse(shown) as [{ stats64: { rx: { bytes: number } } }];
  return stats64.rx.bytes;
}

/** How many bytes have come by a link during some work. */
async function receivedDuring(netns: TestNetns, link: string, work: () => Promise<void>): Promise<number> {
  const before = await received(netns, link);
  await work();
  return (await received(netns, link)) - before;
}

describe("kx-bandwidth", () => {
  it("limits both directions as the Go plug-in does, tells of the ifb, and takes all away", async () => {
    const pod = await lab.attach("a", 2);
    const before = await qdiscs();
    const call = { pod, fields: limited(limits) };
    const result = await lab.done(bandwidth, "ADD", call);
    const shown = (await lab.host.netns.links()).find(({ ifname }) => ifname === ifbOfA);
    expect(shown).toMatchObject({ mtu: 1500, flags: expect.arrayContaining(["UP"]) });
    expect(result).toEqual({
      ...pod.result,
      interfaces: [...(pod.result.interfaces ?? []), { name: ifbOfA, mac: shown?.address, mtu: 1500 }],
    });
    const made = await qdiscs();
    const bucket = (dev: string) => made.find((one) => one.kind === "tbf" && one.dev === dev)?.options;
    // tc shows bytes per second, bytes and microseconds; a burst is kept as its time, so it is not exact.
    expect(bucket(pod.hostEnd)).toMatchObject({ rate: 1_000_000 });
    expect(bucket(ifbOfA)).toMatchObject({ rate: 2_000_000 });
    for (const [dev, burst] of [
      [pod.hostEnd, 500_000],
      [ifbOfA, 250_000],
    ] as const) {
      expect(Math.abs((bucket(dev)?.burst ?? 0) - burst)).toBeLessThan(burst / 100);
      expect(Math.abs((bucket(dev)?.lat ?? 0) - 25_000)).toBeLessThan(1000);
    }
    expect(made).toContainEqual(expect.objectContaining({ kind: "ingress", dev: pod.hostEnd }));
    await lab.done(bandwidth, "CHECK", { ...call, prevResult: { ...result } });
    await lab.done(bandwidth, "DEL", call);
    expect([await qdiscs(), await ifbs()]).toEqual([before, []]);
    await lab.done(bandwidth, "DEL", call);
    lab.detach(pod);
    expect(await netnsContents(lab.host.netns)).toEqual(["link kx0 bridge", "link up0 veth"]);
  });

  it("really limits: of a flood hardly more than bursts come through, and all of it without limits", async () => {
    // 1000 bytes a second, 20,000 at once, as many may wait: what comes later is too little to matter for minutes.
    const slow = { ingressRate: 8000, ingressBurst: 160_000, egressRate: 8000, egressBurst: 160_000 };
    const [pod, free] = [await lab.attach("a", 2), await lab.attach("b", 3)];
    await lab.done(bandwidth, "ADD", { pod, fields: slow });
    const packets = 400;
    const toPod = (last: number) => () => flood(lab.host.netns, `10.1.0.${last}`, packets);
    const limitedIn = await receivedDuring(pod.netns, "eth0", toPod(2));
    const freeIn = await receivedDuring(free.netns, "eth0", toPod(3));
    const limitedOut = await receivedDuring(lab.host.netns, "kx0", () => flood(pod.netns, "10.1.0.1", packets));
    const freeOut = await receivedDuring(lab.host.netns, "kx0", () => flood(free.netns, "10.1.0.1", packets));
    const seen = JSON.stringify({ limitedIn, freeIn, limitedOut, freeOut });
    for (const all of [freeIn, freeOut]) expect(all, seen).toBeGreaterThan(packets * 1000 * 0.5);
    for (const [some, all] of [
      [limitedIn, freeIn],
      [limitedOut, freeOut],
    ] as const) {
      expect(some, seen).toBeGreaterThan(5000);
      expect(all / some, seen).toBeGreaterThan(3);
    }
  });

  it("limits one direction alone, and passes on what needs nothing", async () => {
    const pod = await lab.attach("a", 2);
    const { ingressRate, ingressBurst, egressRate, egressBurst } = limits;
    for (const fields of [{}, limited({}), limited({ ingressRate: 0, ingressBurst: 0 })]) {
      expect(await lab.done(bandwidth, "ADD", { pod, fields })).toEqual(pod.result);
      await lab.done(bandwidth, "CHECK", { pod, fields });
    }
    const inOnly = { pod, fields: { ingressRate, ingressBurst } };
    expect(await lab.done(bandwidth, "ADD", inOnly)).toEqual(pod.result);
    expect((await qdiscs()).map(({ kind, dev }) => `${kind} ${dev}`)).toEqual([`tbf ${pod.hostEnd}`]);
    await lab.done(bandwidth, "CHECK", inOnly);
    await lab.done(bandwidth, "DEL", inOnly);
    // The configuration's own come before those of the runtime.
    const outOnly = { pod, fields: { egressRate, egressBurst, ...limited({ ingressRate, ingressBurst }) } };
    await lab.done(bandwidth, "ADD", outOnly);
    const made = (await qdiscs()).map(({ kind, dev }) => `${kind} ${dev}`);
    expect(made.toSorted()).toEqual([`ingress ${pod.hostEnd}`, `tbf ${ifbOfA}`]);
    await lab.done(bandwidth, "CHECK", outOnly);
    await lab.done(bandwidth, "DEL", { ...outOnly, prevResult: null });
    expect(await qdiscs()).toEqual([]);
    const before = {
      ...pod.result,
      cniVersion: "1.0.0",
      interfaces: pod.result.interfaces?.map((one) => ({ ...one, mtu: undefined })),
    };
    const older = await lab.done(bandwidth, "ADD", { ...outOnly, cniVersion: "1.0.0", prevResult: before });
    expect(older.interfaces?.at(-1)).toEqual({ name: ifbOfA, mac: expect.any(String) });
  });

  it("takes rates beyond 32 bits, and bursts that take long", async () => {
    const pod = await lab.attach("a", 2);
    const fields = { ingressRate: 80_000 * megabit, ingressBurst: 8 * megabit, egressRate: 8, egressBurst: 80_000 };
    await lab.done(bandwidth, "ADD", { pod, fields });
    await lab.done(bandwidth, "CHECK", { pod, fields });
    expect((await qdiscs()).find(({ dev }) => dev === pod.hostEnd)?.options.rate).toBe(10_000_000_000);
    await lab.failed(bandwidth, "CHECK", { pod, fields: { ...fields, ingressRate: 80_001 * megabit } });
  });

  it("leaves the limits of an attachment alone when it is added again", async () => {
    const pod = await lab.attach("a", 2);
    const faster = { ...limits, ingressRate: 80 * megabit, egressRate: 80 * megabit };
    await lab.done(bandwidth, "ADD", { pod, fields: limits });
    const made = [await qdiscs(), await ifbs()];
    const { msg } = await lab.failed(bandwidth, "ADD", { pod, fields: faster });
    expect(msg).toContain("[KX_CNI_INTERFACE] eth0 of a in kxnet is limited already");
    await lab.failed(bandwidth, "ADD", { pod, fields: { ...faster, egressRate: 0, egressBurst: 0 } });
    expect([await qdiscs(), await ifbs()]).toEqual(made);
    // What this very call has made is taken back: here the ifb, as the limit of the other direction stands in the way.
    await lab.host.netns.run("ip", "link", "del", ifbOfA);
    await lab.failed(bandwidth, "ADD", { pod, fields: faster });
    expect(await ifbs()).toEqual([]);
  });

  it("says in CHECK all that is otherwise", async () => {
    const pod = await lab.attach("a", 2);
    const call = { pod, fields: limits };
    const tc = (...args: readonly string[]) => lab.host.netns.run("tc", ...args);
    await lab.done(bandwidth, "ADD", call);
    await tc(
      "qdisc",
      "replace",
      "dev",
      pod.hostEnd,
      "root",
      "tbf",
      "rate",
      "1mbit",
      "burst",
      "500000b",
      "latency",
      "25ms",
    );
    await tc("filter", "del", "dev", pod.hostEnd, "parent", "ffff:");
    await tc("qdisc", "del", "dev", ifbOfA, "root");
    const { msg } = await lab.failed(bandwidth, "CHECK", call);
    for (const part of [
      `${pod.hostEnd} is limited to 125000 bytes per second, not 1000000`,
      `bursts by ${pod.hostEnd} take`,
      `bytes may wait for ${pod.hostEnd}, not 525000`,
      `what goes out by ${ifbOfA} is not limited`,
      `what comes in by ${pod.hostEnd} is not sent to ${ifbOfA}`,
    ]) {
      expect(msg).toContain(part);
    }
    await lab.host.netns.run("ip", "link", "del", ifbOfA);
    expect((await lab.failed(bandwidth, "CHECK", call)).msg).toContain(
      `${ifbOfA}, which limits what is sent, is missing`,
    );
    await lab.done(bandwidth, "DEL", call);
  });

  it("removes in GC the ifb of no valid attachment, and of no namespace if nobody says which are valid", async () => {
    const pods = [await lab.attach("a", 2), await lab.attach("b", 3), await lab.attach("c", 4)];
    for (const pod of pods) await lab.done(bandwidth, "ADD", { pod, fields: limits });
    // Nobody's that this network knows of.
    await lab.host.netns.run("ip", "link", "add", "bwp000000000000", "type", "ifb");
    const count = async (fields: object = {}) => {
      await lab.done(bandwidth, "GC", { fields: { ...fields } });
      return (await ifbs()).length;
    };
    expect(await count()).toBe(4);
    const valid = ["a", "b"].map((containerID) => ({ containerID, ifname: "eth0" }));
    expect(await count({ "cni.dev/valid-attachments": valid })).toBe(3);
    await pods[1]?.netns.dispose();
    expect(await count()).toBe(2);
    expect(await ifbs()).toContain(ifbOfA);
    expect(await count({ "cni.dev/attachments": null })).toBe(1);
    expect(await ifbs()).toEqual(["bwp000000000000"]);
  });

  it("deletes what is left of a container that is gone, and what the Go plug-in has made", async () => {
    const pod = await lab.attach("a", 2);
    await lab.done(bandwidth, "ADD", { pod, fields: limits });
    await pod.netns.dispose();
    await lab.done(bandwidth, "DEL", { pod, fields: {} });
    expect(await ifbs()).toEqual([]);
    await lab.host.netns.run("ip", "link", "add", ifbOfA, "type", "ifb");
    await lab.done(bandwidth, "DEL", { pod, netns: "", prevResult: null });
    expect(await ifbs()).toEqual([]);
  });

  it("refuses wrong limits, all at once, and what has no end on the node", async () => {
    const pod = await lab.attach("a", 2);
    const wrong = { ingressRate: 1, egressBurst: 8 * 2 ** 32 };
    for (const command of ["ADD", "STATUS"] as const) {
      expect(await lab.failed(bandwidth, command, { pod, fields: wrong })).toMatchObject({
        code: 7,
        msg:
          "[KX_CNI_CONFIG] the configuration is wrong: ingressBurst is needed with ingressRate; " +
          "ingressRate must be 8 bits per second or more; egressRate is needed with egressBurst; " +
          "egressBurst must be less than 4 GiB, which is 34359738360 bits",
      });
    }
    expect((await lab.failed(bandwidth, "ADD", { pod, fields: { ingressRate: -1, egressRate: "x" } })).msg).toMatch(
      /ingressRate .*; egressRate /,
    );
    expect((await lab.failed(bandwidth, "ADD", { pod, fields: limits, prevResult: null })).msg).toContain("chained");
    const elsewhere = { ...pod.result, interfaces: [{ name: "up0" }] };
    const { msg } = await lab.failed(bandwidth, "ADD", { pod, fields: limits, prevResult: elsewhere });
    expect(msg).toContain("eth0 of a is no end of a pair with an interface of the node");
    await lab.done(bandwidth, "STATUS", { fields: limits });
    expect([await qdiscs(), await ifbs()]).toEqual([[], []]);
  });
});
