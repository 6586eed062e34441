import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFirewall } from "../../src/firewall/plugin.ts";
import type { TestNetns } from "../../src/testing/netns.ts";
import { type AttachedPod, type ChainedLab, makeChainedLab } from "../support/chained-lab.ts";
import { elementCount } from "../support/host.ts";
import { ask, serveAll } from "../support/traffic.ts";

let lab: ChainedLab;
let firewall: ReturnType<typeof createFirewall>;
beforeEach(async () => {
  lab = await makeChainedLab();
  firewall = createFirewall({ net: lab.net });
});
afterEach(() => lab[Symbol.asyncDispose]());

const web = { port: 80 };
/** Nobody answers what is dropped, however long one waits. */
const inVainMs = 1500;
const hears = async (from: TestNetns, to: string, timeoutMs?: number) =>
  (await ask(from, to, web, timeoutMs)) !== undefined;
const isDropped = async (from: TestNetns, to: string) => !(await hears(from, to, inVainMs));
const iptables = async (...args: readonly string[]) => {
  for (const program of ["iptables", "ip6tables"]) await lab.host.netns.run(program, ...args);
};
const add = async (pod: AttachedPod, fields: object = {}) =>
  await lab.done(firewall, "ADD", { pod, fields: { ...fields } });

describe("kx-firewall", () => {
  it("lets through what a container sends and what answers, where iptables drops by default", async () => {
    const pod = await lab.attach("a", 2);
    await iptables("--policy", "FORWARD", "DROP");
    await using _ = await serveAll([lab.outside, web], [pod.netns, web]);
    expect(await isDropped(pod.netns, "192.0.2.2")).toBe(true);
    expect(await add(pod)).toEqual(pod.result);
    await lab.done(firewall, "CHECK", { pod });
    expect(await hears(pod.netns, "192.0.2.2")).toBe(true);
    expect(await hears(pod.netns, "2001:db8::2")).toBe(true);
    // Only answers come in.
    expect(await isDropped(lab.outside, "10.1.0.2")).toBe(true);
    expect(await lab.host.netns.run("iptables", "--list-rules", "FORWARD")).toMatch(
      /^-P FORWARD DROP\n-A FORWARD -m mark --mark 0x1000\/0x1000 .*-j ACCEPT\n$/,
    );
    await lab.done(firewall, "DEL", { pod });
    expect(await elementCount(lab.host.netns)).toBe(0);
    expect(await isDropped(pod.netns, "192.0.2.2")).toBe(true);
  });

  it("leaves the administrator the last word", async () => {
    const pod = await lab.attach("a", 2);
    await add(pod);
    await using _ = await serveAll([lab.outside, web]);
    expect(await hears(pod.netns, "192.0.2.2")).toBe(true);
    await lab.host.netns.run("nft", "add rule inet kx_firewall admin ip saddr 10.1.0.2 drop");
    expect(await isDropped(pod.netns, "192.0.2.2")).toBe(true);
    expect(await hears(pod.netns, "2001:db8::2")).toBe(true);
  });

  it("keeps containers of other bridges away, and with isolated those of the same", async () => {
    const [a, b, c, d] = [
      await lab.attach("a", 2),
      await lab.attach("b", 3),
      await lab.attach("c", 2, 1),
      await lab.attach("d", 2, 2),
    ];
    await using _ = await serveAll([a.netns, web], [b.netns, web], [lab.outside, web]);
    const policy = { ingressPolicy: "same-bridge" };
    for (const pod of [a, b]) await add(pod, policy);
    // A bridge without a policy is like the outside.
    for (const pod of [c, d]) await add(pod);
    expect(await hears(c.netns, "10.1.0.2")).toBe(true);
    await lab.done(firewall, "DEL", { pod: c });
    await add(c, policy);
    for (const pod of [a, b, c]) await lab.done(firewall, "CHECK", { pod, fields: policy });
    expect(await hears(b.netns, "10.1.0.2")).toBe(true);
    expect(await hears(d.netns, "10.1.0.2")).toBe(true);
    expect(await hears(lab.outside, "10.1.0.2")).toBe(true);
    expect(await hears(c.netns, "192.0.2.2")).toBe(true);
    expect(await Promise.all([isDropped(c.netns, "10.1.0.2"), isDropped(c.netns, "fd00::2")])).toEqual([true, true]);

    const isolated = { ingressPolicy: "isolated" };
    for (const pod of [a, b]) await lab.done(firewall, "DEL", { pod, fields: policy });
    for (const pod of [a, b]) await add(pod, isolated);
    await lab.done(firewall, "CHECK", { pod: a, fields: isolated });
    expect(await Promise.all([isDropped(b.netns, "10.1.0.2"), isDropped(b.netns, "fd00::2")])).toEqual([true, true]);
    // Without br_netfilter too, by which filters of IP see what stays on a bridge.
    const seen = ["net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0"];
    await lab.host.netns.run("sysctl", "-w", ...seen);
    // Not even the question for its hardware address is answered.
    const isUnheard = async (to: string) => !(await hears(b.netns, to, inVainMs).catch(() => false));
    expect(await Promise.all([isUnheard("10.1.0.2"), isUnheard("fd00::2")])).toEqual([true, true]);
    expect(await hears(lab.outside, "10.1.0.2")).toBe(true);
    expect(await hears(lab.host.netns, "10.1.0.2")).toBe(true);
    expect(await hears(a.netns, "192.0.2.2")).toBe(true);
    for (const pod of [a, b]) await lab.done(firewall, "DEL", { pod, fields: isolated });
    expect(await hears(b.netns, "10.1.0.2")).toBe(true);
    // A network that is open now opens its bridge.
    await add(a, { ingressPolicy: "open" });
    expect(await hears(c.netns, "10.1.0.2")).toBe(true);
  });

  it("deletes all of an attachment whatever the runtime still knows, and nothing of others", async () => {
    const [a, b] = [await lab.attach("a", 2), await lab.attach("b", 3)];
    const fields = { ingressPolicy: "isolated" };
    await add(b, fields);
    const left = await elementCount(lab.host.netns);
    for (const known of [
      { fields },
      { fields: {} },
      { fields, prevResult: null },
      { fields, netns: "" },
      { fields: { backend: "iptables" } },
      { fields, prevResult: { ...a.result, interfaces: [] } },
    ]) {
      await add(a, fields);
      expect(await elementCount(lab.host.netns)).toBe(left + 3);
      await lab.done(firewall, "DEL", { pod: a, ...known });
      await lab.done(firewall, "DEL", { pod: a, ...known });
      expect(await elementCount(lab.host.netns), JSON.stringify(known)).toBe(left);
    }
    // An address that another has now is that one's.
    await add(a, fields);
    await lab.done(firewall, "ADD", { pod: { ...b, containerId: "c" }, fields, prevResult: { ...a.result } });
    await lab.done(firewall, "DEL", { pod: a, fields });
    await lab.done(firewall, "CHECK", { pod: { ...b, containerId: "c" }, fields, prevResult: { ...a.result } });
    await lab.done(firewall, "CHECK", { pod: b, fields });
  });

  it("leaves an attachment alone when it is added again", async () => {
    const pod = await lab.attach("a", 2);
    await add(pod);
    const { msg } = await lab.failed(firewall, "ADD", { pod, fields: { ingressPolicy: "isolated" } });
    expect(msg).toContain("[KX_CNI_INTERFACE] eth0 of a in kxnet is let through already");
    await lab.done(firewall, "CHECK", { pod });
    expect(await elementCount(lab.host.netns)).toBe(2);
  });

  it("says in CHECK what is missing", async () => {
    const pod = await lab.attach("a", 2);
    const call = { pod, fields: { ingressPolicy: "isolated" } };
    await add(pod, call.fields);
    await iptables("--policy", "FORWARD", "DROP");
    for (const command of [
      "delete element inet kx_firewall pods4 { 10.1.0.2 }",
      'delete element inet kx_firewall guarded { "kx0" }',
      "flush set bridge kx_firewall isolated",
      "flush chain inet kx_firewall accepted",
      "flush chain bridge kx_firewall forward",
    ]) {
      await lab.host.netns.run("nft", command);
    }
    expect((await lab.failed(firewall, "CHECK", call)).msg).toBe(
      "[KX_CNI_CHECK] eth0 of a: 10.1.0.2 is not let through: its element is missing; " +
        `the port ${pod.hostEnd} is not kept apart: its element is missing; ` +
        "the bridge kx0 is not kept from others: its element is missing; " +
        "the chain accepted of inet kx_firewall has no rules; the chain forward of bridge kx_firewall has no rules; " +
        "the chain FORWARD of ip filter has lost its rule; the chain FORWARD of ip6 filter has lost its rule",
    );
    await lab.done(firewall, "DEL", call);
  });

  it("removes in GC what is of no valid attachment, and of no namespace if nobody says which are valid", async () => {
    const fields = { ingressPolicy: "isolated" };
    const pods = [await lab.attach("a", 2), await lab.attach("b", 3), await lab.attach("c", 4)];
    for (const pod of pods) await add(pod, fields);
    const left = async (more: object = {}) => {
      await lab.done(firewall, "GC", { fields: { ...fields, ...more } });
      return await elementCount(lab.host.netns);
    };
    // Three of each, and two of the bridge.
    expect(await left()).toBe(11);
    const valid = ["a", "b"].map((containerID) => ({ containerID, ifname: "eth0" }));
    expect(await left({ "cni.dev/valid-attachments": valid })).toBe(8);
    await pods[1]?.netns.dispose();
    expect(await left()).toBe(5);
    expect(await left({ name: "other", "cni.dev/valid-attachments": null })).toBe(5);
    expect(await left({ "cni.dev/valid-attachments": null })).toBe(0);
  });

  it("refuses what it cannot do, and leaves nothing of it", async () => {
    const pod = await lab.attach("a", 2);
    for (const [fields, remedy] of [
      [{ backend: "firewalld" }, /^set backend to "nftables" or "iptables"/],
      [{ backend: "nftables", iptablesAdminChainName: "ADMIN" }, /the chain admin of the table inet kx_firewall/],
    ] as const) {
      for (const command of ["ADD", "CHECK", "STATUS"] as const) {
        const [field, value] = Object.entries(fields).at(-1) ?? [];
        expect(await lab.failed(firewall, command, { pod, fields })).toMatchObject({
          code: 2,
          msg: `[KX_CNI_UNSUPPORTED] kx-firewall does not support ${field} "${value}" here`,
          details: expect.stringMatching(remedy),
        });
      }
    }
    expect((await lab.failed(firewall, "ADD", { pod, fields: { backend: "pf", ingressPolicy: "closed" } })).msg).toBe(
      "[KX_CNI_CONFIG] the configuration is wrong: backend must be nftables or iptables; " +
        "ingressPolicy must be open, same-bridge or isolated",
    );
    expect((await lab.failed(firewall, "ADD", { pod, prevResult: null })).msg).toContain("chained plug-in");
    const fields = { ingressPolicy: "isolated" };
    for (const interfaces of [[], [{ name: "up0" }]]) {
      const { msg } = await lab.failed(firewall, "ADD", {
        pod,
        fields,
        prevResult: { ...pod.result, interfaces, ips: [] },
      });
      expect(msg).toContain("[KX_CNI_BRIDGE] ingressPolicy needs a bridge");
    }
    expect(await elementCount(lab.host.netns)).toBe(0);
    await lab.done(firewall, "STATUS", { fields });
  });
});
