import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHostLocal } from "../host-local/plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { createFakeRuntime } from "./fake-runtime.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "kx-fake-runtime-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const leases = () => readdirSync(join(dataDir, "net")).filter((name) => /^[\d.]+$/.test(name));
const makeRuntime = (cniVersion = "1.1.0") => {
  const ipam = { type: "kx-host-local", dataDir, ranges: [[{ subnet: "10.1.0.0/29" }]] };
  return createFakeRuntime({ plugin: createHostLocal(), config: { cniVersion, ipam } });
};

describe("a fake runtime", () => {
  it("adds, checks and deletes, and keeps results in between", async () => {
    const runtime = makeRuntime();
    const added = await runtime.add({ containerId: "a" });
    expect(added.ips).toEqual([{ address: "10.1.0.2/29", gateway: "10.1.0.1" }]);
    expect(runtime.attachments()).toMatchObject([{ containerId: "a", ifName: "eth0", result: added }]);
    await runtime.check({ containerId: "a" });
    await runtime.del({ containerId: "a" });
    expect([runtime.attachments(), leases()]).toEqual([[], []]);
  });

  it("reads results of old versions, and sends them as they were printed", async () => {
    const runtime = makeRuntime("0.4.0");
    const { ips } = await runtime.add();
    expect(ips).toEqual([{ address: "10.1.0.2/29", gateway: "10.1.0.1" }]);
    expect(runtime.attachments()[0]?.printed).toMatchObject({ cniVersion: "0.4.0", ips: [{ version: "4" }] });
    await runtime.check();
  });

  it("collects what it does not keep, and what it is told", async () => {
    const runtime = makeRuntime();
    for (const containerId of ["a", "b", "c"]) await runtime.add({ containerId });
    await runtime.gc();
    expect(leases()).toHaveLength(3);
    await runtime.gc([{ containerID: "b", ifname: "eth0" }]);
    expect(leases()).toEqual(["10.1.0.3"]);
    await runtime.gc("unknown");
    expect(leases()).toHaveLength(1);
    await runtime.gc(null);
    expect(leases()).toEqual([]);
  });

  it("throws a plug-in's error with its number", async () => {
    const runtime = makeRuntime();
    for (const containerId of ["a", "b", "c", "d", "e"]) await runtime.add({ containerId });
    await expect(runtime.status()).rejects.toMatchObject({ code: "KX_CNI_PLUGIN", details: { cniCode: 50 } });
    await expect(runtime.add({ containerId: "f" })).rejects.toMatchObject({ details: { cniCode: 11 } });
    expect(await runtime.version()).toContain("1.1.0");
  });

  it("passes arguments and fields on, and calls plug-ins however that is done", async () => {
    const seen: unknown[] = [];
    const runtime = createFakeRuntime({
      config: { name: "other" },
      env: { MORE: "1" },
      call: async ({ env, stdin }) => {
        seen.push(env["CNI_ARGS"], env["MORE"], env["CNI_NETNS"], JSON.parse(stdin));
        return { exitCode: 0, stdout: "{}", stderr: "" };
      },
    });
    await runtime.add({ netns: "/run/netns/a", args: { A: "b", C: "d" }, config: { runtimeConfig: { mac: "x" } } });
    const config = { cniVersion: "1.1.0", name: "other", type: "plug-in", runtimeConfig: { mac: "x" } };
    expect(seen).toEqual(["A=b;C=d", "1", "/run/netns/a", config]);
  });

  it("gives up on a plug-in that hangs, and tells of one that says nothing", async () => {
    const { promise: never } = Promise.withResolvers<never>();
    const hanging = defineCniPlugin({ name: "hanging", add: () => never, del: async () => undefined });
    const impatient = createFakeRuntime({ plugin: hanging, config: {}, timeoutMs: 50 });
    await expect(impatient.add()).rejects.toMatchObject({
      code: "KX_CNI_TESTING",
      reason: "the plug-in did not answer within 50 ms",
    });
    const silent = createFakeRuntime({ executable: "/bin/false", config: {} });
    await expect(silent.add()).rejects.toMatchObject({ code: "KX_CNI_RESULT" });
    const missing = createFakeRuntime({ executable: join(dataDir, "none"), config: {} });
    await expect(missing.add()).rejects.toMatchObject({ code: "KX_CNI_TESTING" });
    const sleeper = join(dataDir, "sleeper");
    writeFileSync(sleeper, "#!/bin/sh\nsleep 600\n", { mode: 0o755 });
    const stuck = createFakeRuntime({ executable: sleeper, config: {}, timeoutMs: 200 });
    await expect(stuck.status()).rejects.toMatchObject({ reason: "the plug-in did not answer within 200 ms" });
  });
});
