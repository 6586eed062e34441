import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TestNetns } from "../../src/testing/netns.ts";
import { createTuning } from "../../src/tuning/plugin.ts";
import { type ChainedLab, makeChainedLab } from "../support/chained-lab.ts";

let lab: ChainedLab;
let folder: string;
let dataDir: string;
let allowlistFile: string;
let tuning: ReturnType<typeof createTuning>;
beforeEach(async () => {
  lab = await makeChainedLab();
  folder = mkdtempSync(join(tmpdir(), "kx-tuning-"));
  dataDir = join(folder, "data");
  allowlistFile = join(folder, "allowlist.conf");
  tuning = createTuning({ net: lab.net, allowlistFile });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await lab[Symbol.asyncDispose]();
});

const mac = "02:00:00:00:00:42";
const forwarding = "net.ipv4.conf.IFNAME.forwarding";
const everything = {
  mac: mac.toUpperCase(),
  mtu: 1400,
  promisc: true,
  txQLen: 77,
  allmulti: true,
  sysctl: { [forwarding]: "1", "net/ipv4/tcp_rmem": "4096 100000 200000" },
};

async function shownOf(netns: TestNetns) {
  const [link] = JSON.parse(await netns.run("ip", "-json", "-details", "link", "show", "eth0")) as [
    { address: string; mtu: number; txqlen: number; flags: readonly string[]; promiscuity: number },
  ];
  const { address, mtu, txqlen, flags } = link;
  const sysctl = async (name: string) => (await netns.run("cat", `/proc/sys/net/ipv4/${name}`)).trim();
  return {
    address,
    mtu,
    txqlen,
    promisc: flags.includes("PROMISC"),
    allmulti: flags.includes("ALLMULTI"),
    forwarding: await sysctl("conf/eth0/forwarding"),
    rmem: await sysctl("tcp_rmem"),
  };
}
const set = {
  address: mac,
  mtu: 1400,
  txqlen: 77,
  promisc: true,
  allmulti: true,
  forwarding: "1",
  rmem: "4096\t100000\t200000",
};
const backups = () => (existsSync(dataDir) ? readdirSync(dataDir) : []);

describe("kx-tuning", () => {
  it("sets all that it is told to, tells of the address, and sets back what was before", async () => {
    const pod = await lab.attach("a", 2);
    const before = await shownOf(pod.netns);
    const call = { pod, fields: { ...everything, dataDir } };
    const result = await lab.done(tuning, "ADD", call);
    const [bridge, end, own] = pod.result.interfaces ?? [];
    expect(result).toEqual({ ...pod.result, interfaces: [bridge, end, { ...own, mac, mtu: 1400 }] });
    expect(await shownOf(pod.netns)).toEqual(set);
    // The Go plug-in's name and fields, so that either sets back what the other has set.
    expect(JSON.parse(readFileSync(join(dataDir, "a_eth0.json"), "utf8"))).toMatchObject({
      mac: before.address,
      promisc: false,
      mtu: 1500,
      allmulti: false,
      txQLen: before.txqlen,
    });
    await lab.done(tuning, "CHECK", { ...call, prevResult: { ...result } });
    await lab.done(tuning, "DEL", call);
    expect([await shownOf(pod.netns), backups()]).toEqual([before, []]);
    await lab.done(tuning, "DEL", call);
    await lab.done(tuning, "DEL", { ...call, netns: "", prevResult: null });
    lab.detach(pod);
  });

  it("takes what is asked for from the runtime and its arguments", async () => {
    const pod = await lab.attach("a", 2);
    const macs = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:04"];
    const runtimeConfig = { mac: macs[0] };
    const args = { cni: { mac: macs[1], mtu: 1300, txQLen: 5, allmulti: true, sysctl: { [forwarding]: "1" } } };
    for (const [fields, cniArgs, expected] of [
      [
        { runtimeConfig, args, mac: macs[3] },
        `MAC=${macs[2]}`,
        { address: macs[0], mtu: 1300, txqlen: 5, forwarding: "1" },
      ],
      [
        { args, mac: macs[3], mtu: 1350, sysctl: { [forwarding]: "0" } },
        `MAC=${macs[2]}`,
        { address: macs[1], mtu: 1300, forwarding: "1" },
      ],
      [{ mac: macs[3], mtu: 1350 }, `MAC=${macs[2]}`, { address: macs[2], mtu: 1350, allmulti: false }],
      [{ mac: macs[3] }, "IgnoreUnknown=1", { address: macs[3], mtu: 1500 }],
    ] as const) {
      const call = { pod, fields: { ...fields, dataDir }, args: cniArgs };
      await lab.done(tuning, "ADD", call);
      expect(await shownOf(pod.netns)).toMatchObject(expected);
      await lab.done(tuning, "CHECK", call);
      await lab.done(tuning, "DEL", call);
    }
  });

  it("may come twice in a list: what was first is set back", async () => {
    const pod = await lab.attach("a", 2);
    const before = await shownOf(pod.netns);
    await lab.done(tuning, "ADD", { pod, fields: { mac, mtu: 1400, dataDir } });
    await lab.done(tuning, "ADD", { pod, fields: { mtu: 1300, txQLen: 9, dataDir } });
    expect(await shownOf(pod.netns)).toMatchObject({ address: mac, mtu: 1300, txqlen: 9 });
    await lab.done(tuning, "DEL", { pod, fields: { mtu: 1300, dataDir } });
    await lab.done(tuning, "DEL", { pod, fields: { mtu: 1400, dataDir } });
    expect(await shownOf(pod.netns)).toEqual(before);
  });

  it("sets nothing if it cannot set all", async () => {
    const pod = await lab.attach("a", 2);
    const before = await shownOf(pod.netns);
    // A group's address is no interface's; no link is that large; the kernel wants a number.
    for (const [wrong, expected] of [
      [{ mac: "01:00:5e:00:00:01" }, "cannot set mac of eth0: EADDRNOTAVAIL"],
      [{ mtu: 2_000_000_000 }, "cannot set mtu of eth0: EINVAL"],
      [{ sysctl: { ...everything.sysctl, "net.ipv4.conf.IFNAME.rp_filter": "much" } }, "rp_filter: EINVAL"],
      [{ sysctl: { ...everything.sysctl, "net.ipv4.no_such_setting": "1" } }, "no setting net/ipv4/no_such_setting"],
    ] as const) {
      const { msg } = await lab.failed(tuning, "ADD", { pod, fields: { ...everything, ...wrong, dataDir } });
      expect(msg).toContain(expected);
      expect([await shownOf(pod.netns), backups()], expected).toEqual([before, []]);
    }
    writeFileSync(join(folder, "file"), "");
    const { code } = await lab.failed(tuning, "ADD", { pod, fields: { ...everything, dataDir: join(folder, "file") } });
    expect([code, await shownOf(pod.netns)]).toEqual([5, before]);
  });

  it("says in CHECK all that is otherwise", async () => {
    const pod = await lab.attach("a", 2);
    const call = { pod, fields: { ...everything, dataDir } };
    const before = await shownOf(pod.netns);
    const expected = [
      `mac of eth0 is ${before.address}, not ${mac}`,
      "promisc of eth0 is false, not true",
      "mtu of eth0 is 1500, not 1400",
      `txQLen of eth0 is ${before.txqlen}, not 77`,
      "allmulti of eth0 is false, not true",
      `net/ipv4/conf/eth0/forwarding is ${before.forwarding}, not 1`,
      `net/ipv4/tcp_rmem is ${before.rmem}, not 4096 100000 200000`,
    ];
    expect((await lab.failed(tuning, "CHECK", call)).msg).toBe(`[KX_CNI_CHECK] eth0 of a: ${expected.join("; ")}`);
    await lab.done(tuning, "ADD", call);
    await lab.done(tuning, "CHECK", call);
    await pod.netns.run("ip", "link", "set", "eth0", "name", "other");
    expect((await lab.failed(tuning, "CHECK", call)).msg).toContain("the interface eth0 is missing");
    await lab.done(tuning, "DEL", call);
    expect(backups()).toEqual([]);
  });

  it("sets only what the list of allowed settings allows", async () => {
    const pod = await lab.attach("a", 2);
    writeFileSync(allowlistFile, "^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]+$\n\n  ^net\\.ipv6\\.  \n");
    await lab.done(tuning, "ADD", { pod, fields: { sysctl: { [forwarding]: "1" }, dataDir } });
    const wrong = { ...everything.sysctl, "net.core.somaxconn": "5" };
    for (const command of ["ADD", "CHECK", "STATUS"] as const) {
      expect(await lab.failed(tuning, command, { pod, fields: { sysctl: wrong, dataDir } })).toMatchObject({
        code: 7,
        msg:
          `[KX_CNI_CONFIG] the configuration is wrong: sysctl "net/ipv4/tcp_rmem" is not allowed by ${allowlistFile}; ` +
          `sysctl "net.core.somaxconn" is not allowed by ${allowlistFile}`,
      });
    }
    writeFileSync(allowlistFile, "(");
    expect((await lab.failed(tuning, "STATUS", { fields: { sysctl: wrong } })).msg).toContain("allowlist.conf:1 is no");
    await lab.done(tuning, "STATUS", { fields: { mtu: 1400 } });
  });

  it("refuses what is wrong, all at once", async () => {
    const pod = await lab.attach("a", 2);
    const sysctl = {
      "kernel.hostname": "x",
      "net/../kernel/hostname": "x",
      [forwarding]: "1",
      "net/ipv4/conf/eth0/forwarding": "0",
    };
    const { msg } = await lab.failed(tuning, "ADD", { pod, fields: { sysctl, mac: "02:00", dataDir } });
    expect(msg).toBe(
      '[KX_CNI_CONFIG] the configuration is wrong: mac "02:00" is no MAC address; ' +
        'sysctl "kernel.hostname" is no setting below net; sysctl "net/../kernel/hostname" is no setting below net; ' +
        'sysctl "net/ipv4/conf/eth0/forwarding" is there twice',
    );
    expect(
      (await lab.failed(tuning, "ADD", { pod, fields: { mtu: -1, promisc: "yes", sysctl: { a: 1 } } })).msg,
    ).toMatch(/sysctl.a .*; promisc .*; mtu /);
    expect((await lab.failed(tuning, "ADD", { pod, fields: { mtu: 1400, dataDir }, prevResult: null })).msg).toContain(
      "chained",
    );
    expect(await lab.done(tuning, "ADD", { pod, fields: { mtu: 0, promisc: false, dataDir } })).toEqual(pod.result);
    expect(backups()).toEqual([]);
  });

  it("removes in GC backups of no valid attachment, and of no namespace if nobody says which are valid", async () => {
    const pods = [await lab.attach("a", 2), await lab.attach("b", 3), await lab.attach("c", 4)];
    for (const pod of pods) await lab.done(tuning, "ADD", { pod, fields: { mtu: 1400, dataDir } });
    // Of the Go plug-in, which does not tell whose it is.
    writeFileSync(join(dataDir, "d_eth0.json"), '{"mtu": 1500}');
    writeFileSync(join(dataDir, "e_eth0.json"), "torn");
    const left = async (fields: object = {}) => {
      await lab.done(tuning, "GC", { fields: { dataDir, ...fields } });
      return backups()
        .map((name) => name.slice(0, 1))
        .join("");
    };
    expect(await left()).toBe("abcde");
    const valid = ["a", "b"].map((containerID) => ({ containerID, ifname: "eth0" }));
    expect(await left({ "cni.dev/valid-attachments": valid })).toBe("abde");
    await pods[1]?.netns.dispose();
    expect(await left()).toBe("ade");
    expect(await left({ "cni.dev/valid-attachments": null })).toBe("de");
    expect(await left({ dataDir: join(folder, "none") })).toBe("de");
  });
});
