import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { handleCniCall } from "../../src/plugin/handle-call.ts";
import { createPortmap } from "../../src/portmap/plugin.ts";
import { netnsContents } from "../../src/testing/netns.ts";
import { type AttachedPod, type ChainedLab, makeChainedLab } from "../support/chained-lab.ts";
import { elementCount } from "../support/host.ts";
import { ask, serve, serveAll } from "../support/traffic.ts";

let lab: ChainedLab;
let portmap: ReturnType<typeof createPortmap>;
beforeEach(async () => {
  lab = await makeChainedLab();
  portmap = createPortmap({ net: lab.net });
});
afterEach(() => lab[Symbol.asyncDispose]());

const mapped = (...portMappings: readonly object[]) => ({ runtimeConfig: { portMappings: [...portMappings] } });
const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const names = { hostPort: 5353, containerPort: 53, protocol: "udp" };
const [webPort, namesPort] = [{ port: 8080 }, { port: 5353, transport: "udp" }] as const;

describe("kx-portmap", () => {
  it("lets the node's ports lead to the container: TCP, UDP, both families, loopback and hairpin", async () => {
    const pod = await lab.attach("a", 2);
    const call = { pod, fields: mapped(web, { ...names, hostIP: "" }) };
    expect(await lab.done(portmap, "ADD", call)).toEqual(pod.result);
    await lab.done(portmap, "CHECK", call);
    await using _ = await serveAll([pod.netns, { port: 80 }], [pod.netns, { port: 53, transport: "udp" }]);
    expect(await ask(lab.outside, "192.0.2.1", webPort)).toBe("192.0.2.2");
    expect(await ask(lab.outside, "192.0.2.1", namesPort)).toBe("192.0.2.2");
    expect(await ask(lab.outside, "2001:db8::1", webPort)).toBe("2001:db8::2");
    expect(await ask(lab.outside, "2001:db8::1", namesPort)).toBe("2001:db8::2");
    expect(await ask(lab.host.netns, "127.0.0.1", webPort)).toBe("10.1.0.1");
    expect(await ask(lab.host.netns, "127.0.0.1", namesPort)).toBe("10.1.0.1");
    expect(await ask(pod.netns, "192.0.2.1", webPort)).toBe("10.1.0.1");
    await lab.done(portmap, "DEL", call);
    expect(await elementCount(lab.host.netns)).toBe(0);
    await expect(ask(lab.outside, "192.0.2.1", webPort)).rejects.toThrow("ECONNREFUSED");
  });

  it("shows senders as the node where it is told to, and leaves loopback alone where it is told to", async () => {
    const [hidden, plain] = [await lab.attach("a", 2), await lab.attach("b", 3)];
    const other = { hostPort: 9090, containerPort: 80, protocol: "tcp" };
    await lab.done(portmap, "ADD", { pod: hidden, fields: { ...mapped(web), masqAll: true, markMasqBit: 5 } });
    await lab.done(portmap, "ADD", { pod: plain, fields: { ...mapped(other), snat: false } });
    await lab.done(portmap, "CHECK", { pod: hidden, fields: { ...mapped(web), masqAll: true } });
    await using _ = await serveAll([hidden.netns, { port: 80 }], [plain.netns, { port: 80 }]);
    expect(await ask(lab.outside, "192.0.2.1", webPort)).toBe("10.1.0.1");
    expect(await ask(lab.outside, "2001:db8::1", webPort)).toBe("fd00::1");
    // Not by the node's port, so as itself.
    expect(await ask(lab.outside, "10.1.0.2", { port: 80 })).toBe("192.0.2.2");
    expect(await ask(lab.outside, "192.0.2.1", { port: 9090 })).toBe("192.0.2.2");
    const loops = await lab.host.netns.run("nft", "list", "set", "inet", "kx_host_ports", "loops4");
    expect([loops.includes("10.1.0.2 . 10.1.0.2"), loops.includes("10.1.0.3")]).toEqual([true, false]);
  });

  it("passes on what the plug-in before gave, in each version", async () => {
    const pod = await lab.attach("a", 2);
    for (const cniVersion of ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
      const ips = pod.result.ips?.map((ip) =>
        cniVersion.startsWith("0") ? { version: ip.address.includes(":") ? "6" : "4", ...ip } : ip,
      );
      const interfaces = pod.result.interfaces?.map((one) => ({ ...one, mtu: undefined }));
      const prevResult = { ...pod.result, interfaces, ips, cniVersion };
      for (const fields of [{}, mapped(), mapped(web)]) {
        expect(await lab.done(portmap, "ADD", { pod, fields, cniVersion, prevResult })).toEqual(prevResult);
        await lab.done(portmap, "DEL", { pod, fields, cniVersion, prevResult });
      }
    }
    const old = { ip4: { ip: "10.1.0.2/16", gateway: "10.1.0.1" } };
    const call = { pod, fields: mapped(web), cniVersion: "0.2.0", prevResult: old };
    expect(await lab.done(portmap, "ADD", call)).toEqual({ cniVersion: "0.2.0", ...old });
    expect(await elementCount(lab.host.netns)).toBe(3);
    await lab.done(portmap, "DEL", call);
    expect(await elementCount(lab.host.netns)).toBe(0);
  });

  it("gives a port to one container alone, and says who has it", async () => {
    const [a, b] = [await lab.attach("a", 2), await lab.attach("b", 3)];
    await lab.done(portmap, "ADD", { pod: a, fields: mapped(web) });
    for (const fields of [mapped(web), mapped(names, web)]) {
      const { code, msg } = await lab.failed(portmap, "ADD", { pod: b, fields });
      expect(code).toBe(999);
      expect(msg).toBe("[KX_CNI_HOST_PORT] the node's port 8080/tcp is that of the container a (eth0 of kxnet)");
    }
    // The second ADD of an attachment takes nothing from the first.
    await lab.failed(portmap, "ADD", { pod: a, fields: mapped(web) });
    await lab.done(portmap, "DEL", { pod: b, fields: mapped(web) });
    await lab.done(portmap, "CHECK", { pod: a, fields: mapped(web) });
    await lab.done(portmap, "ADD", { pod: b, fields: mapped({ ...web, hostIP: "192.0.2.3" }) });
    await using _ = await serve(a.netns, { port: 80 });
    expect(await ask(lab.outside, "192.0.2.1", webPort)).toBe("192.0.2.2");
    await lab.done(portmap, "DEL", { pod: a, fields: mapped(web) });
    await lab.done(portmap, "ADD", { pod: b, fields: mapped(web) });
  });

  it("leads flows of UDP that began before to the container", async () => {
    const [a, b] = [await lab.attach("a", 2), await lab.attach("b", 3)];
    await using _ = await serve(b.netns, { port: 53, transport: "udp" });
    const flows = async () =>
      (await lab.host.netns.run("cat", "/proc/net/nf_conntrack"))
        .split("\n")
        .filter((line) => /dport=5353 /.test(line));
    // Nobody listens in the first container: what it is asked leads nowhere for as long as it is asked again.
    await lab.done(portmap, "ADD", { pod: a, fields: mapped(names) });
    const answers = [
      ask(lab.outside, "192.0.2.1", namesPort, 60_000),
      ask(lab.outside, "2001:db8::1", namesPort, 60_000),
    ];
    await vi.waitFor(async () => expect(await flows()).toHaveLength(2), { timeout: 30_000 });
    await lab.done(portmap, "DEL", { pod: a, fields: mapped(names) });
    await lab.done(portmap, "ADD", { pod: b, fields: mapped(names, { ...names, hostPort: 5354 }) });
    expect(await Promise.all(answers)).toEqual(["192.0.2.2", "2001:db8::2"]);
  });

  it("deletes all of an attachment whatever the runtime still knows", async () => {
    const [a, b] = [await lab.attach("a", 2), await lab.attach("b", 3)];
    const both = mapped(web, names);
    const other = mapped({ ...web, hostPort: 1234 });
    await lab.done(portmap, "ADD", { pod: b, fields: other });
    const left = await elementCount(lab.host.netns);
    for (const known of [
      { fields: both },
      { fields: both, prevResult: null },
      { fields: both, netns: "" },
      { fields: {}, prevResult: null, netns: "/nowhere" },
      { fields: mapped({ ...web, hostPort: 0 }) },
      { fields: { ...both, backend: "iptables" } },
    ]) {
      await lab.done(portmap, "ADD", { pod: a, fields: both });
      await lab.done(portmap, "DEL", { pod: a, ...known });
      await lab.done(portmap, "DEL", { pod: a, ...known });
      expect(await elementCount(lab.host.netns), JSON.stringify(known)).toBe(left);
    }
    await lab.done(portmap, "CHECK", { pod: b, fields: other });
  });

  it("takes back what it made for a call that was given up", async () => {
    const pod = await lab.attach("a", 2);
    const stop = new AbortController();
    const net: typeof lab.net = {
      call: (name, ...args) => lab.net.call(name, ...args).finally(() => stop.abort()),
    };
    const env = {
      CNI_COMMAND: "ADD",
      CNI_PATH: "/nowhere",
      CNI_CONTAINERID: "a",
      CNI_IFNAME: "eth0",
      CNI_NETNS: pod.netns.path,
    };
    const config = { cniVersion: "1.1.0", name: "kxnet", type: "kx-portmap", prevResult: pod.result, ...mapped(web) };
    const services = { log: lab.log, signal: stop.signal };
    const { error } = await handleCniCall(createPortmap({ net }), { env, stdin: JSON.stringify(config) }, services);
    expect(error?.code).toBe("KX_CNI_CANCELLED");
    expect(await elementCount(lab.host.netns)).toBe(0);
  });

  it("says in CHECK what is missing", async () => {
    const pod = await lab.attach("a", 2);
    const call = { pod, fields: mapped(web, names) };
    await lab.done(portmap, "ADD", call);
    await lab.host.netns.run("nft", "delete element inet kx_host_ports on_all4 { tcp . 8080 }");
    await lab.host.netns.run("nft", "delete element inet kx_host_ports loops6 { fd00::2 . fd00::2 }");
    await lab.host.netns.run("nft", "flush chain inet kx_host_ports output");
    const { msg } = await lab.failed(portmap, "CHECK", call);
    expect(msg).toBe(
      "[KX_CNI_CHECK] eth0 of a: the node's port 8080/tcp is missing; the element fd00::2 . fd00::2 of loops6 is missing; " +
        "the chain output of kx_host_ports has no rules",
    );
    await lab.done(portmap, "DEL", call);
    expect(await elementCount(lab.host.netns)).toBe(0);
  });

  it("removes in GC what is of no valid attachment, and of no namespace if nobody says which are valid", async () => {
    const pods = [await lab.attach("a", 2), await lab.attach("b", 3), await lab.attach("c", 4)];
    const fieldsOf = (pod: AttachedPod) => mapped({ ...web, hostPort: 8000 + pod.containerId.charCodeAt(0) });
    for (const pod of pods) await lab.done(portmap, "ADD", { pod, fields: fieldsOf(pod) });
    const [a, b, c] = pods as [AttachedPod, AttachedPod, AttachedPod];
    const has = async (pod: AttachedPod) =>
      (await lab.call(portmap, "CHECK", { pod, fields: fieldsOf(pod) })).exitCode === 0;
    await lab.done(portmap, "GC", {});
    expect(await Promise.all(pods.map(has))).toEqual([true, true, true]);
    const attachments = [a, b].map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" }));
    await lab.done(portmap, "GC", { fields: { "cni.dev/valid-attachments": attachments } });
    expect(await Promise.all(pods.map(has))).toEqual([true, true, false]);
    await b.netns.dispose();
    await lab.done(portmap, "GC", {});
    expect(await has(a)).toBe(true);
    expect(await elementCount(lab.host.netns)).toBe(5);
    await lab.done(portmap, "ADD", { pod: c, fields: fieldsOf(c) });
    await lab.done(portmap, "GC", { fields: { "cni.dev/valid-attachments": null } });
    expect(await elementCount(lab.host.netns)).toBe(0);
    for (const pod of pods) lab.detach(pod);
    expect(await netnsContents(lab.host.netns)).toEqual(
      ["link kx0 bridge", "link up0 veth", "table inet kx_host_ports"].toSorted(),
    );
  });

  it("refuses what it cannot do, all at once", async () => {
    const pod = await lab.attach("a", 2);
    const failed = async (fields: object) => await lab.failed(portmap, "ADD", { pod, fields: { ...fields } });
    expect((await lab.failed(portmap, "ADD", { pod, prevResult: null })).msg).toContain("chained plug-in");
    const zero = mapped({ ...web, hostPort: 0, protocol: "icmp" }, { ...web, containerPort: 0 }, names, {
      ...names,
      containerPort: 54,
    });
    expect(await failed({ ...zero, backend: "ipfw" })).toMatchObject({
      code: 7,
      msg:
        '[KX_CNI_CONFIG] the configuration is wrong: backend "ipfw" is not known; ' +
        "runtimeConfig.portMappings[0].hostPort must be a port from 1 to 65535; " +
        "runtimeConfig.portMappings[0].protocol must be tcp, udp or sctp; " +
        "runtimeConfig.portMappings[1].containerPort must be a port from 1 to 65535; " +
        "runtimeConfig.portMappings[3] and [2] both take the node's port 5353/udp",
    });
    const wrong = {
      backend: "nftables",
      externalSetMarkChain: "KUBE-MARK",
      conditionsV4: ["!", "-d", "10.0.0.0/8"],
    };
    const refused = await failed({ ...mapped(web), ...wrong });
    expect(refused.code).toBe(7);
    for (const field of ["externalSetMarkChain", "conditionsV4"]) {
      expect(refused.msg).toContain(`${field} is not of the backend nftables`);
    }
    expect(await failed({ snat: "yes", masqAll: 1, markMasqBit: 32 })).toMatchObject({
      code: 7,
      msg: expect.stringMatching(/snat .*; masqAll .*; markMasqBit must be the number of a bit/),
    });
    expect(await lab.failed(portmap, "STATUS", { fields: wrong })).toMatchObject({ code: 7 });
    await lab.done(portmap, "STATUS", { fields: { conditionsV4: [""] } });
    expect(await netnsContents(lab.host.netns)).not.toContain("table inet kx_host_ports");
  });
});
