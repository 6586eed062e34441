// kx-portmap as the Go plug-in does its work, beside that and with it: the same rules, and either's work by the other.
import type { JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createPortmap } from "../../src/portmap/plugin.ts";
import { ask, serveAll } from "../support/traffic.ts";
import { type BackendLab, goPlugin, makeBackendLab } from "./support/backend-lab.ts";
import { whyNot } from "./support/node-lab.ts";

const missing = whyNot();
if (missing !== undefined) console.error(`the backends of kx-portmap are not compared with Go's: ${missing}`);

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const names = { hostPort: 5353, containerPort: 53, protocol: "udp" };
const mapped = (...portMappings: readonly JsonObject[]): JsonObject => ({ runtimeConfig: { portMappings } });
const many = Array.from({ length: 20 }, (_, at) => ({ ...web, hostPort: 9000 + at }));
const hosts = [
  { ...web, hostIP: "192.0.2.3" },
  { ...names, hostIP: "2001:db8::1" },
  { ...web, hostPort: 81, hostIP: "0.0.0.0" },
];

const iptables: JsonObject = { ...mapped(web, names), backend: "iptables" };
/** Go reads no layout; kx has it for its own. */
const nftables: JsonObject = { ...mapped(web, names), backend: "nftables", layout: "upstream" };
const configs: readonly (readonly [string, JsonObject])[] = [
  ["iptables", iptables],
  ["iptables for one address", { ...iptables, ...mapped(...hosts) }],
  ["iptables with many ports", { ...iptables, ...mapped(names, ...many) }],
  ["iptables with masqAll and markMasqBit", { ...iptables, masqAll: true, markMasqBit: 31 }],
  ["iptables without snat", { ...iptables, snat: false }],
  ["iptables with externalSetMarkChain", { ...iptables, externalSetMarkChain: "OTHERS-MARK" }],
  [
    "iptables with conditions",
    { ...iptables, conditionsV4: ["!", "-s", "192.0.2.9"], conditionsV6: ["-m", "hl", "--hl-gt", "1"] },
  ],
  ["nftables", nftables],
  ["nftables for one address", { ...nftables, ...mapped(...hosts) }],
  ["nftables without snat", { ...nftables, snat: false }],
  [
    "nftables with conditions",
    { ...nftables, conditionsV4: ["ip", "saddr", "!=", "192.0.2.9"], conditionsV6: ["ip6 hoplimit > 1"] },
  ],
];

describe.skipIf(missing !== undefined)("kx-portmap as Go's", { timeout: 180_000 }, () => {
  let goFile: string;
  let lab: BackendLab;

  // The first time it is built.
  beforeAll(async () => {
    goFile = await goPlugin("portmap");
  }, 600_000);
  beforeEach(async () => {
    lab = await makeBackendLab(goFile, createPortmap);
    await clear();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  async function clear(): Promise<void> {
    await lab.host.run("nft", "flush", "ruleset");
    for (const program of ["iptables", "ip6tables"]) await lab.host.run(program, "-t", "nat", "-N", "OTHERS-MARK");
  }

  it.each(configs)("makes the same rules by %s, and either takes the other's work away", async (_, fields) => {
    const pod = await lab.chained.attach("a", 2);
    expect(await lab.done("go", "ADD", pod, fields)).toMatchObject({ ips: expect.anything() });
    const theirs = await lab.rules();
    await lab.done("kx", "CHECK", pod, fields);
    await lab.done("kx", "DEL", pod, fields);
    const bare = await lab.rules();
    expect(JSON.stringify(bare)).not.toMatch(/CNI-DN-|dnat to|"a"/);
    expect(JSON.stringify(theirs)).toMatch(/CNI-DN-|dnat to/);

    // What all share is made too.
    await clear();
    await lab.done("kx", "ADD", pod, fields);
    expect(await lab.rules()).toEqual(theirs);
    await lab.done("kx", "CHECK", pod, fields);
    await lab.done("go", "CHECK", pod, fields);
    await lab.done("go", "DEL", pod, fields);
    expect(await lab.rules()).toEqual(bare);
    await lab.done("kx", "ADD", pod, fields);
    // A runtime may not remember anything, and a network may have been changed.
    await lab.done("kx", "DEL", { ...pod, result: {} }, {});
    expect(await lab.rules()).toEqual(bare);
    await lab.done("kx", "DEL", pod, fields);
  });

  it.each([
    ["iptables", iptables],
    ["nftables", nftables],
  ])("leads packets to the container by %s, and to the one that has the port by now", async (...[, fields]) => {
    const { outside } = lab.chained;
    const [a, b] = [await lab.chained.attach("a", 2), await lab.chained.attach("b", 3)];
    await lab.done("kx", "ADD", a, fields);
    const message = await lab.failed("ADD", a, fields);
    expect(message).toBe("[KX_CNI_INTERFACE] eth0 of a in kxnet has its ports already");
    const port = { port: 8080 };
    const flow = { port: 5353, transport: "udp" } as const;
    await using _ = await serveAll(
      ...[a, b].flatMap(
        ({ netns }) =>
          [
            [netns, { port: 80 }],
            [netns, { port: 53, transport: "udp" }],
          ] as const,
      ),
    );
    expect(await ask(outside, "192.0.2.1", port)).toBe("192.0.2.2");
    expect(await ask(outside, "192.0.2.1", flow)).toBe("192.0.2.2");
    expect(await ask(outside, "2001:db8::1", port)).toBe("2001:db8::2");
    expect(await ask(lab.host, "127.0.0.1", port)).toBe("10.1.0.1");
    expect(await ask(a.netns, "192.0.2.1", port)).toBe("10.1.0.1");

    await lab.done("kx", "ADD", b, fields);
    await lab.done("kx", "DEL", a, fields);
    await lab.done("kx", "DEL", a, fields);
    await lab.done("kx", "CHECK", b, fields);
    expect(await ask(outside, "192.0.2.1", port)).toBe("192.0.2.2");
    expect(await ask(b.netns, "192.0.2.1", port)).toBe("10.1.0.1");
  });

  it.each([
    ["iptables", { ...iptables, conditionsV4: ["-d", "192.0.2.3"] }],
    ["nftables", { ...nftables, conditionsV4: ["ip daddr 192.0.2.3"] }],
  ])("lets only packets come to a port that meet conditions of %s", async (...[, fields]) => {
    const pod = await lab.chained.attach("a", 2);
    // Such conditions tell the backend and the layout.
    const bare = { ...mapped(web), conditionsV4: fields.conditionsV4 };
    await lab.done("kx", "ADD", pod, bare);
    await using _ = await serveAll([pod.netns, { port: 80 }]);
    expect(await ask(lab.chained.outside, "192.0.2.3", { port: 8080 })).toBe("192.0.2.2");
    await expect(ask(lab.chained.outside, "192.0.2.1", { port: 8080 })).rejects.toThrow("ECONNREFUSED");
  });

  it.each([
    ["iptables", iptables],
    ["nftables", nftables],
  ])("says in CHECK what is missing by %s, and collects what is of no attachment", async (backend, fields) => {
    const [a, b, c] = [
      await lab.chained.attach("a", 2),
      await lab.chained.attach("b", 3),
      await lab.chained.attach("c", 4),
    ];
    const of = (pod: typeof a) => ({
      ...fields,
      ...mapped({ ...web, hostPort: 8000 + pod.containerId.charCodeAt(0) }),
    });
    await lab.done("kx", "ADD", a, of(a));
    const alone = await lab.rules();
    for (const pod of [b, c]) await lab.done("kx", "ADD", pod, of(pod));
    const all = await lab.rules();
    const gc = (more: JsonObject) => lab.done("kx", "GC", undefined, { ...fields, ...more });
    await gc({});
    await gc({ name: "other", "cni.dev/valid-attachments": [] });
    expect(await lab.rules()).toEqual(all);
    const valid = [a, b].map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" }));
    await gc({ "cni.dev/valid-attachments": valid });
    for (const pod of [a, b]) await lab.done("kx", "CHECK", pod, of(pod));
    await lab.failed("CHECK", c, of(c));
    await b.netns.dispose();
    await gc({});
    expect(await lab.rules()).toEqual(alone);
    if (backend === "iptables") await lab.host.run("iptables", "-t", "nat", "-F", "CNI-HOSTPORT-SETMARK");
    else await lab.host.run("nft", "flush chain ip cni_hostport prerouting");
    expect(await lab.failed("CHECK", a, of(a))).toMatch(
      backend === "iptables"
        ? /the rule .* --set-xmark .* is missing$/
        : /all rules of the chain prerouting .* are missing$/,
    );
    await gc({ "cni.dev/valid-attachments": null });
    expect(JSON.stringify(await lab.rules())).not.toMatch(/CNI-DN-|dnat to/);
  });

  it("refuses what a backend cannot read", async () => {
    const pod = await lab.chained.attach("a", 2);
    const failed = async (fields: JsonObject) => await lab.failed("ADD", pod, { ...mapped(web), ...fields });
    expect(
      await failed({ backend: "nftables", externalSetMarkChain: "X", conditionsV4: ["-d", "192.0.2.3"] }),
    ).toContain("externalSetMarkChain is not of the backend nftables; conditionsV4 is not of the backend nftables");
    expect(await failed({ backend: "iptables", conditionsV6: ["ip6 daddr ::1"] })).toContain(
      "conditionsV6 is not of the backend iptables",
    );
    expect(await failed({ layout: "sets", conditionsV4: ["ip daddr 192.0.2.3"] })).toContain(
      "conditionsV4 needs the layout upstream, not sets",
    );
    expect(await failed({ conditionsV4: ["-d", "192.0.2.3\nCOMMIT"] })).toContain("must be one line");
    expect(await failed({ conditionsV4: ["ip nonsense"] })).toMatch(/^\[KX_CNI_PROGRAM\] nft failed: /);
    expect(await failed({ conditionsV4: ["-m", "nonsense"] })).toMatch(/^\[KX_CNI_PROGRAM\] iptables-restore failed/);
    expect(JSON.stringify(await lab.rules())).not.toMatch(/CNI-DN-|dnat to/);
    await lab.done("kx", "STATUS", undefined, iptables);
  });
});
