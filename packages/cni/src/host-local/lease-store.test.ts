// What becomes of leases that nobody gives back, and of those of a call that failed.
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostLocalLab, type LabCall, vanishingNamespace } from "../../test/support/host-local-lab.ts";
import { ipamCall } from "../../test/support/ipam-call.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { handleCniCall } from "../plugin/handle-call.ts";
import { createHostLocal } from "./plugin.ts";

let lab: ReturnType<typeof hostLocalLab>;

beforeEach(() => {
  lab = hostLocalLab();
});
afterEach(() => lab[Symbol.dispose]());

describe("GC", () => {
  const gc = (fields: JsonObject): LabCall => ({ command: "GC", fields });
  const add = async (...ids: readonly string[]) => {
    for (const containerId of ids) await lab.addresses({ containerId });
  };

  it("removes what is not listed, and what was torn", async () => {
    await add("a", "b", "c");
    writeFileSync(lab.lease("10.1.2.9"), "");
    writeFileSync(lab.lease("10.1.2.10"), "b");
    writeFileSync(lab.lease("10.1.2.11"), "z");
    const valid = [
      { containerID: "b", ifname: "eth0" },
      { containerID: "c", ifname: "eth1" },
    ];
    await lab.done(gc({ "cni.dev/valid-attachments": valid }));
    expect(lab.leases()).toEqual(["10.1.2.10", "10.1.2.3"]);
  });

  it.each([[null], [[]]])(
    "with the list %j removes everything of this network, and the order of addresses stays",
    async (valid) => {
      await add("a", "b");
      await lab.addresses({ containerId: "a", network: "other" });
      await lab.done(gc({ "cni.dev/valid-attachments": valid }));
      expect([lab.leases(), lab.leases("other")]).toEqual([[], ["10.1.2.2"]]);
      expect(await lab.addresses({ containerId: "c" })).toEqual(["10.1.2.4/24"]);
    },
  );

  it("without a list removes only attachments whose namespace is gone", async () => {
    const gone = await vanishingNamespace();
    await add("a");
    await lab.addresses({ containerId: "gone", netns: gone.path });
    writeFileSync(lab.lease("10.1.2.9"), "by-another-plugin\r\neth0");
    await lab.done(gc({}));
    expect(lab.leases()).toHaveLength(3);
    await gone.end();
    await lab.done(gc({}));
    expect(lab.leases()).toEqual(["10.1.2.2", "10.1.2.9"]);
  });

  it("without a list knows a restart of the node, and namespaces that outlived that of the node agent", async () => {
    const gone = await vanishingNamespace();
    await add("a");
    await lab.addresses({ containerId: "gone", netns: gone.path });
    const { journal } = lab;
    const text = readFileSync(journal, "utf8");
    // Another life of process 1: what has its namespace still is alive.
    writeFileSync(journal, text.replaceAll(/"initStart":"\d+"/g, '"initStart":"1"'));
    await lab.done(gc({}));
    expect(lab.leases()).toHaveLength(2);
    await gone.end();
    await lab.done(gc({}));
    expect(lab.leases()).toEqual(["10.1.2.2"]);
    // Another boot: nothing is alive, though another namespace has the number now.
    writeFileSync(journal, text.replaceAll(/"bootId":"[^"]+"/g, '"bootId":"before"'));
    await lab.done(gc({}));
    expect(lab.leases()).toEqual([]);
  });

  it("has no opinion on attachments whose namespace may be hidden from it", async () => {
    await add("a");
    const { journal } = lab;
    const text = readFileSync(journal, "utf8");
    writeFileSync(journal, text.replace("/proc/self/ns/net", join(lab.dataDir, "no", "such", "folder")));
    await lab.done(gc({}));
    writeFileSync(journal, text.replace("/proc/self/ns/net", journal));
    await lab.done(gc({}));
    writeFileSync(journal, text.slice(0, 60));
    await lab.done(gc({}));
    expect(lab.leases()).toEqual(["10.1.2.2"]);
    writeFileSync(journal, text.replace("/proc/self/ns/net", join(lab.dataDir, "vanished")));
    await lab.done(gc({}));
    expect(lab.leases()).toEqual([]);
  });

  it("has nothing to do where nothing is", async () => {
    await lab.done(gc({}));
    await lab.done(gc({ "cni.dev/valid-attachments": null }));
    expect(readdirSync(lab.dataDir)).toEqual([]);
  });
});

describe("the journal of namespaces", () => {
  it("is no file below the leases, where the Go plug-in reads all", async () => {
    await lab.addresses({});
    expect(readdirSync(join(lab.dataDir, "net"), { recursive: true, encoding: "utf8" }).toSorted()).toEqual([
      "10.1.2.2",
      "last_reserved_ip.0",
      "lock",
    ]);
  });

  it("does not grow with the calls", async () => {
    const { journal } = lab;
    await lab.addresses({ containerId: "stays" });
    const line = readFileSync(journal, "utf8").replace("10.1.2.2", "10.1.2.99");
    writeFileSync(journal, line.repeat(5000), { flag: "a" });
    await lab.addresses({ containerId: "last" });
    const kept = readFileSync(journal, "utf8").trim().split("\n");
    const leases = kept.flatMap((each) => Object.keys((JSON.parse(each) as { leases: object }).leases));
    expect(leases).toEqual(["10.1.2.2", "10.1.2.3"]);
  });

  it("says nothing of a lease that another plug-in made anew for the same interface", async () => {
    const gone = await vanishingNamespace();
    await lab.addresses({ containerId: "again", netns: gone.path });
    await gone.end();
    rmSync(lab.lease("10.1.2.2"));
    writeFileSync(lab.lease("10.1.2.2"), "again\r\neth0");
    utimesSync(lab.lease("10.1.2.2"), 1, 1);
    await lab.done({ command: "GC" });
    expect(lab.leases()).toEqual(["10.1.2.2"]);
  });
});

describe("taking back", () => {
  it("gives back only the lease of the ADD that failed, also when its caller has gone", async () => {
    await lab.addresses({ containerId: "other" });
    const controller = new AbortController();
    const main = defineCniPlugin({
      name: "main",
      async add(_request, ctx) {
        await ctx.delegate("kx-host-local");
        expect(lab.leases()).toHaveLength(2);
        controller.abort();
        throw new Error("no link");
      },
      del: async () => undefined,
    });
    const made = ipamCall({ command: "ADD", ipam: { dataDir: lab.dataDir, ranges: [[{ subnet: "10.1.2.0/24" }]] } });
    const outcome = await handleCniCall(main, made, {
      log: lab.log,
      plugins: { "kx-host-local": lab.plugin },
      signal: controller.signal,
    });
    expect(outcome.exitCode).toBe(1);
    expect(lab.leases()).toEqual(["10.1.2.2"]);
  });

  it("leaves a lease that has gone to another since", async () => {
    const steps: (() => void | Promise<void>)[] = [];
    const ctx = {
      signal: new AbortController().signal,
      log: lab.log,
      clock: { now: () => Date.now(), sleep: async () => undefined },
      undo: (step: () => void | Promise<void>) => void steps.push(step),
      phase: async <T>(_name: string, work: () => T | Promise<T>) => work(),
      delegate: async () => ({}),
    };
    const config = {
      cniVersion: "1.1.0",
      name: "net",
      type: "x",
      ipam: { dataDir: lab.dataDir, subnet: "10.1.2.0/24" },
    };
    await lab.plugin.add({ containerId: "a", ifName: "eth0", netns: "/none", args: {}, config }, ctx);
    writeFileSync(lab.lease("10.1.2.2"), "b\r\neth0");
    writeFileSync(lab.lease("10.1.2.3"), "a\r\neth0");
    for (const step of steps) await step();
    expect(lab.leases()).toEqual(["10.1.2.2", "10.1.2.3"]);
  });

  it("gives no address that another network has given, if it is to avoid those", async () => {
    mkdirSync(join(lab.dataDir, "before"), { recursive: true });
    writeFileSync(join(lab.dataDir, "before/10.1.2.2"), "x\r\neth0");
    const ipam = { dataDir: lab.dataDir, ranges: [[{ subnet: "10.1.2.0/29" }]], avoidOtherNetworks: true };
    const result = await lab.done({ command: "ADD", fields: { ipam } });
    expect(result.ips?.[0]?.address).toBe("10.1.2.3/29");
    rmSync(join(lab.dataDir, "before"), { recursive: true });
    const asked = await lab.done({ command: "ADD", containerId: "b", args: "IP=10.1.2.2", fields: { ipam } });
    expect(asked.ips?.[0]?.address).toBe("10.1.2.2/29");
    // Two networks on two links may well use the same range.
    mkdirSync(join(lab.dataDir, "beside"));
    writeFileSync(join(lab.dataDir, "beside/10.1.2.4"), "x\r\neth0");
    const apart = { ...ipam, avoidOtherNetworks: false };
    const free = await lab.done({ command: "ADD", containerId: "c", args: "IP=10.1.2.4", fields: { ipam: apart } });
    expect(free.ips?.[0]?.address).toBe("10.1.2.4/29");
  });

  it("gives no address that is cooling, as long as it is", async () => {
    const cooling = new Set(["net 10.1.2.2", "other 10.1.2.3"]);
    const careful = createHostLocal({ isCooling: (network, ip) => cooling.has(`${network} ${ip}`) });
    const result = await lab.done({ command: "ADD" }, careful);
    expect(result.ips?.[0]?.address).toBe("10.1.2.3/24");
    cooling.clear();
    const asked = await lab.done({ command: "ADD", containerId: "b", args: "IP=10.1.2.2" }, careful);
    expect(asked.ips?.[0]?.address).toBe("10.1.2.2/24");
  });
});
