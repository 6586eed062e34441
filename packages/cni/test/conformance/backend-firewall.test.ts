// kx-firewall by iptables beside the Go plug-in, and with it: the same rules, and either's work by the other.
import type { JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFirewall } from "../../src/firewall/plugin.ts";
import { ask, serveAll } from "../support/traffic.ts";
import { type BackendLab, goPlugin, makeBackendLab } from "./support/backend-lab.ts";
import { whyNot } from "./support/node-lab.ts";

const missing = whyNot();
if (missing !== undefined) console.error(`kx-firewall by iptables is not compared with Go's: ${missing}`);

const iptables: JsonObject = { backend: "iptables" };
const configs: readonly (readonly [string, JsonObject])[] = [
  ["the defaults", iptables],
  ["iptablesAdminChainName", { ...iptables, iptablesAdminChainName: "OTHERS-ADMIN" }],
  ["same-bridge", { ...iptables, ingressPolicy: "same-bridge" }],
  ["isolated", { ...iptables, ingressPolicy: "isolated" }],
];
const web = { port: 80 };
/** Nobody answers what is dropped, however long one waits. */
const inVainMs = 1500;

describe.skipIf(missing !== undefined)("kx-firewall by iptables", { timeout: 180_000 }, () => {
  let goFile: string;
  let lab: BackendLab;

  // The first time it is built.
  beforeAll(async () => {
    goFile = await goPlugin("firewall");
  }, 600_000);
  beforeEach(async () => {
    lab = await makeBackendLab(goFile, createFirewall);
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  it.each(configs)("makes the same rules with %s, and either takes the other's work away", async (_, fields) => {
    const [a, b] = [await lab.chained.attach("a", 2), await lab.chained.attach("b", 2, 1)];
    for (const pod of [a, b]) await lab.done("go", "ADD", pod, fields);
    const theirs = await lab.rules();
    expect(JSON.stringify(theirs)).toContain("-s 10.1.0.2/32 -j ACCEPT");
    for (const pod of [a, b]) {
      await lab.done("kx", "CHECK", pod, fields);
      await lab.done("kx", "DEL", pod, fields);
    }
    const bare = await lab.rules();
    expect(JSON.stringify(bare)).not.toContain("10.1.0.2");

    // What all share is made too.
    await lab.host.run("nft", "flush", "ruleset");
    for (const pod of [a, b]) await lab.done("kx", "ADD", pod, fields);
    expect(await lab.rules()).toEqual(theirs);
    for (const pod of [a, b]) {
      await lab.done("kx", "CHECK", pod, fields);
      await lab.done("go", "CHECK", pod, fields);
      await lab.done("go", "DEL", pod, fields);
    }
    expect(await lab.rules()).toEqual(bare);
    // What Go has left of kx's is of an attachment that is gone.
    await lab.done("kx", "GC", undefined, { ...fields, "cni.dev/valid-attachments": null });
    await lab.done("kx", "ADD", a, fields);
    // A runtime may not remember anything, and a network may have been changed.
    await lab.done("kx", "DEL", { ...a, result: {} }, {});
    expect(await lab.rules()).toEqual(bare);
    expect(await lab.host.run("iptables-save")).not.toContain("kxnet");
  });

  it("lets containers through where iptables drops by default, and those that have an address by now", async () => {
    const { outside } = lab.chained;
    const a = await lab.chained.attach("a", 2);
    for (const program of ["iptables", "ip6tables"]) await lab.host.run(program, "--policy", "FORWARD", "DROP");
    await using _ = await serveAll([outside, web], [a.netns, web]);
    expect(await ask(a.netns, "192.0.2.2", web, inVainMs)).toBeUndefined();
    await lab.done("kx", "ADD", a, iptables);
    expect(await lab.failed("ADD", a, iptables)).toBe("[KX_CNI_INTERFACE] eth0 of a in kxnet is let through already");
    expect(await ask(a.netns, "192.0.2.2", web)).toBe("10.1.0.2");
    expect(await ask(a.netns, "2001:db8::2", web)).toBe("fd00::2");
    expect(await ask(outside, "10.1.0.2", web, inVainMs)).toBeUndefined();
    await lab.host.run("iptables", "-A", "CNI-ADMIN", "-s", "10.1.0.2", "-j", "DROP");
    expect(await ask(a.netns, "192.0.2.2", web, inVainMs)).toBeUndefined();
    await lab.host.run("iptables", "-F", "CNI-ADMIN");

    // Its address is given to another before it is deleted.
    lab.chained.detach(a);
    const b = await lab.chained.attach("b", 2);
    await lab.done("kx", "ADD", b, iptables);
    await lab.done("kx", "DEL", a, iptables);
    await lab.done("kx", "CHECK", b, iptables);
    expect(await ask(b.netns, "192.0.2.2", web)).toBe("10.1.0.2");
    await lab.done("kx", "DEL", b, iptables);
    expect(await ask(b.netns, "192.0.2.2", web, inVainMs)).toBeUndefined();
  });

  it("keeps containers of other bridges away", async () => {
    const [a, b, c] = [
      await lab.chained.attach("a", 2),
      await lab.chained.attach("b", 3),
      await lab.chained.attach("c", 2, 1),
    ];
    const fields = { ...iptables, ingressPolicy: "same-bridge" };
    for (const pod of [a, b]) await lab.done("kx", "ADD", pod, fields);
    await using _ = await serveAll([a.netns, web]);
    expect(await ask(c.netns, "10.1.0.2", web)).toBe("10.2.0.2");
    await lab.done("kx", "ADD", c, fields);
    expect(await ask(c.netns, "10.1.0.2", web, inVainMs)).toBeUndefined();
    expect(await ask(b.netns, "10.1.0.2", web)).toBe("10.1.0.3");
    const unbridged = { ...a, result: { ...a.result, interfaces: [] } };
    await lab.done("kx", "DEL", a, fields);
    expect(await lab.failed("ADD", unbridged, fields)).toContain("[KX_CNI_BRIDGE] ingressPolicy needs a bridge");
  });

  it("says in CHECK what is missing, and collects what is of no attachment", async () => {
    const [a, b, c] = [
      await lab.chained.attach("a", 2),
      await lab.chained.attach("b", 3),
      await lab.chained.attach("c", 4),
    ];
    await lab.done("kx", "ADD", a, iptables);
    const alone = await lab.rules();
    for (const pod of [b, c]) await lab.done("kx", "ADD", pod, iptables);
    const all = await lab.rules();
    const gc = (more: JsonObject) => lab.done("kx", "GC", undefined, { ...iptables, ...more });
    await gc({});
    await gc({ name: "other", "cni.dev/valid-attachments": [] });
    expect(await lab.rules()).toEqual(all);
    const valid = [a, b].map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" }));
    await gc({ "cni.dev/valid-attachments": valid });
    for (const pod of [a, b]) await lab.done("kx", "CHECK", pod, iptables);
    await lab.failed("CHECK", c, iptables);
    await b.netns.dispose();
    await gc({});
    expect(await lab.rules()).toEqual(alone);
    await lab.host.run("ip6tables", "-F", "FORWARD");
    expect(await lab.failed("CHECK", a, iptables)).toMatch(
      /the rule -m comment --comment CNI firewall plugin rules -j CNI-FORWARD of the chain FORWARD of iptables is missing$/,
    );
    // Where others have taken the rules away, DEL finds what is left.
    await lab.done("kx", "ADD", c, iptables);
    for (const program of ["iptables", "ip6tables"]) await lab.host.run(program, "-F", "CNI-FORWARD");
    await lab.done("kx", "DEL", c, iptables);
    expect(await lab.host.run("iptables-save")).not.toContain("10.1.0.4");
    await gc({ "cni.dev/valid-attachments": null });
    expect(JSON.stringify(await lab.rules())).not.toMatch(/10\.1\.0|fd00/);
    await lab.done("kx", "STATUS", undefined, iptables);
  });
});
