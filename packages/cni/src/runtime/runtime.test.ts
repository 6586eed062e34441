import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { installScript } from "../../test/support/executables.ts";
import { type Network, parseNetwork } from "./network.ts";
import { type CniRuntime, type CniRuntimeOptions, createCniRuntime } from "./runtime.ts";

let folder: string;
let runtime: CniRuntime;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-cni-runtime-"));
  for (const name of ["bin", "log"]) await mkdir(join(folder, name));
  for (const type of ["first", "second"]) await plugin(type, "");
  runtime = makeRuntime();
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function makeRuntime(options: Partial<CniRuntimeOptions> = {}): CniRuntime {
  const env = { PATH: process.env["PATH"] };
  return createCniRuntime({ path: [join(folder, "bin")], cacheDir: join(folder, "cache"), env, ...options });
}

/** A plug-in that writes down each call, then does what `body` says. */
const plugin = (type: string, body: string) =>
  installScript(
    join(folder, "bin"),
    type,
    `cat > ${folder}/log/$CNI_COMMAND-${type}-$CNI_CONTAINERID
     echo "$CNI_COMMAND ${type} $CNI_CONTAINERID" >> ${folder}/order
     ${body}
     [ $CNI_COMMAND = ADD ] && echo '{"dns":{"domain":"${type}.example"},"own":"${type}"}'; exit 0`,
  );
const network = async (more: object = {}): Promise<Network> => {
  const plugins = [
    { type: "first", capabilities: { mac: true, ips: true, dns: false } },
    { type: "second", b: 1 },
  ];
  return await parseNetwork(JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins, ...more }));
};
const order = async () => {
  const text = await readFile(join(folder, "order"), "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trimEnd());
  return lines.filter((line) => line !== "");
};
const input = async (call: string) => JSON.parse(await readFile(join(folder, "log", call), "utf8")) as JsonObject;
const target = { containerId: "c1", ifName: "eth0", netns: "/proc/self/ns/net" };

describe("add", () => {
  it("runs the plug-ins in order, each with the result of the one before, and gives the last", async () => {
    expect(await runtime.add(await network(), target)).toEqual({
      cniVersion: "1.1.0",
      dns: { domain: "second.example" },
      own: "second",
    });
    expect(await order()).toEqual(["ADD first c1", "ADD second c1"]);
    expect(await input("ADD-first-c1")).not.toHaveProperty("prevResult");
    expect(await input("ADD-second-c1")).toEqual({
      type: "second",
      b: 1,
      name: "net",
      cniVersion: "1.1.0",
      prevResult: { cniVersion: "1.1.0", dns: { domain: "first.example" }, own: "first" },
    });
  });

  it("gives each plug-in those values whose capability it declares", async () => {
    await runtime.add(await network(), { ...target, capabilityArgs: { mac: "a", dns: {}, portMappings: [] } });
    expect(await input("ADD-first-c1")).toMatchObject({ runtimeConfig: { mac: "a" } });
    expect((await input("ADD-first-c1"))["runtimeConfig"]).toEqual({ mac: "a" });
    expect(await input("ADD-second-c1")).not.toHaveProperty("runtimeConfig");
  });

  it("stops at the first failure with the plug-in's own code, and neither deletes nor remembers", async () => {
    await plugin("first", `echo '{"code":107,"msg":"no address","details":"pool is empty"}'; exit 1`);
    await expect(runtime.add(await network(), target)).rejects.toMatchObject({
      reason: "plug-in first failed ADD: no address; pool is empty",
      details: { cniCode: 107, plugin: "first", command: "ADD" },
    });
    expect(await order()).toEqual(["ADD first c1"]);
    expect(await runtime.attachments()).toEqual([]);
  });

  it.each([
    [{ containerId: "../c", ifName: "eth0" }, '"../c" is no container id'],
    [{ containerId: "c", ifName: "a/b" }, '"a/b" is no name of an interface'],
    [{ containerId: "c", ifName: "eth0", args: { "A;B": "1" } }, "A;B=1 is no argument"],
  ])("refuses the target %j before it calls anything", async (wrong, message) => {
    for (const work of ["add", "check", "del"] as const) {
      await expect((async () => runtime[work](await network(), wrong))()).rejects.toThrow(message);
    }
    expect(await order()).toEqual([]);
  });

  it("tells of a plug-in that is missing, or prints no result", async () => {
    const plugins = [{ type: "absent" }];
    await expect(runtime.add(await network({ plugins }), target)).rejects.toMatchObject({
      code: "KX_CNI_PLUGIN_MISSING",
    });
    await plugin("second", "echo nonsense; exit 0");
    await expect(runtime.add(await network(), target)).rejects.toMatchObject({ code: "KX_CNI_RESULT" });
  });
});

describe("del", () => {
  it("runs the plug-ins in reverse with the final result, then forgets", async () => {
    await runtime.add(await network(), { ...target, args: { A: "b" } });
    await rm(join(folder, "order"));
    await runtime.del(await network(), target);
    expect(await order()).toEqual(["DEL second c1", "DEL first c1"]);
    for (const call of ["DEL-second-c1", "DEL-first-c1"]) {
      expect(await input(call)).toMatchObject({ prevResult: { dns: { domain: "second.example" }, own: "second" } });
    }
    expect(await runtime.attachments()).toEqual([]);
  });

  it("remembers until it has succeeded", async () => {
    await runtime.add(await network(), target);
    await plugin("first", "exit 1");
    await expect(runtime.del(await network(), target)).rejects.toThrow("plug-in first failed DEL");
    expect(await runtime.attachments()).toHaveLength(1);
    await plugin("first", "");
    await runtime.del(await network(), target);
    expect(await runtime.attachments()).toEqual([]);
  });

  it.each(["not JSON", '{"kind":"other"}', "", "[]"])("goes on where the cache holds %j", async (content) => {
    await runtime.add(await network(), target);
    await writeFile(join(folder, "cache/results/net-c1-eth0"), content);
    await runtime.del(await network(), target);
    expect(await input("DEL-first-c1")).not.toHaveProperty("prevResult");
    expect(await readdir(join(folder, "cache/results"))).toEqual([]);
  });

  it("goes on where the cache holds a result of a version that nobody knows", async () => {
    await runtime.add(await network(), target);
    const file = join(folder, "cache/results/net-c1-eth0");
    const cached = { ...JSON.parse(await readFile(file, "utf8")), result: { cniVersion: "9.0.0", ips: [] } };
    await writeFile(file, JSON.stringify(cached));
    await runtime.del(await network(), target);
    expect(await input("DEL-first-c1")).not.toHaveProperty("prevResult");
    expect(await runtime.attachments()).toEqual([]);
  });

  it("gives the result in the version that the network has now, and none below 0.4.0", async () => {
    await runtime.add(await network(), target);
    await runtime.del(await network({ cniVersion: "0.4.0" }), target);
    expect((await input("DEL-first-c1"))["prevResult"]).toEqual({
      cniVersion: "0.4.0",
      dns: { domain: "second.example" },
    });
    await runtime.add(await network({ cniVersion: "0.3.1" }), target);
    await runtime.del(await network({ cniVersion: "0.3.1" }), target);
    expect(await input("DEL-first-c1")).not.toHaveProperty("prevResult");
  });
});

describe("check and status", () => {
  it("calls nothing with disableCheck, and refuses below 0.4.0", async () => {
    await runtime.check(await network({ disableCheck: true }), target);
    await expect(runtime.check(await network({ cniVersion: "0.3.1" }), target)).rejects.toThrow("without CHECK");
    expect(await order()).toEqual([]);
  });

  it("stops STATUS at the first error with its code, and asks nobody below 1.1.0", async () => {
    await plugin("first", `echo '{"code":50,"msg":"starting"}'; exit 1`);
    await expect(runtime.status(await network())).rejects.toMatchObject({ details: { cniCode: 50 } });
    await runtime.status(await network({ cniVersion: "1.0.0" }));
    expect(await order()).toEqual(["STATUS first"]);
  });
});

describe("gc", () => {
  const three = async () => {
    for (const containerId of ["c1", "c2", "c3"]) await runtime.add(await network(), { ...target, containerId });
    await runtime.add(await network({ name: "other" }), { ...target, containerId: "c9" });
    await rm(join(folder, "order"));
  };
  const valid = [{ containerID: "c2", ifname: "eth0" }];

  it("deletes what is not in use, of this network alone, then calls GC of each plug-in with both lists", async () => {
    await three();
    await runtime.gc(await network(), valid);
    const deleted = ["c1", "c3"].flatMap((id) => [`DEL second ${id}`, `DEL first ${id}`]);
    expect((await order()).toSorted()).toEqual([...deleted, "GC first", "GC second"].toSorted());
    expect((await runtime.attachments()).map(({ containerId }) => containerId).toSorted()).toEqual(["c2", "c9"]);
    expect(await input("GC-first-")).toMatchObject({
      "cni.dev/valid-attachments": valid,
      "cni.dev/attachments": valid,
    });
  });

  it("goes on after failures and tells all of them", async () => {
    await three();
    await plugin("second", `[ "$CNI_CONTAINERID" = c1 ] && exit 4; [ $CNI_COMMAND = GC ] && exit 5`);
    const collected = runtime.gc(await network(), valid);
    await expect(collected).rejects.toMatchObject({ code: "KX_CNI_GC" });
    await expect(collected).rejects.toThrow(/second failed DEL: .*exit code 4.*second failed GC: .*exit code 5/);
    expect((await runtime.attachments()).map(({ containerId }) => containerId).toSorted()).toEqual(["c1", "c2", "c9"]);
    expect(await order()).toContain("GC first");
  });

  it("without a list deletes only where the namespace is gone, and says nothing of attachments", async () => {
    await three();
    await runtime.add(await network(), { ...target, containerId: "c4", netns: join(folder, "gone") });
    await rm(join(folder, "order"));
    await runtime.gc(await network());
    expect((await runtime.attachments()).map(({ containerId }) => containerId)).not.toContain("c4");
    expect(await order()).toEqual(["DEL second c4", "DEL first c4", "GC first", "GC second"]);
    expect(Object.keys(await input("GC-first-")).filter((key) => key.startsWith("cni.dev"))).toEqual([]);
  });

  it("does nothing with disableGC, and calls no GC below 1.1.0", async () => {
    await three();
    await runtime.gc(await network({ disableGC: true }), []);
    expect(await order()).toEqual([]);
    await runtime.gc(await network({ cniVersion: "1.0.0" }), valid);
    expect((await order()).filter((line) => line.startsWith("GC"))).toEqual([]);
    expect(await runtime.attachments()).toHaveLength(2);
  });
});

describe("validate and version", () => {
  const telling = (type: string, said: string) => installScript(join(folder, "bin"), type, `cat > /dev/null; ${said}`);

  it("gives the capabilities of all plug-ins, or everything that is wrong", async () => {
    await telling("first", `echo '{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}'`);
    await telling("second", `echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'`);
    expect(await runtime.validate(await network({ cniVersion: "1.0.0" }))).toEqual(["mac", "ips"]);
    const plugins = [{ type: "second" }, { type: "absent" }, { type: "second" }];
    await expect(runtime.validate(await network({ plugins }))).rejects.toThrow(
      /network net: the plug-in second knows 0.4.0, 1.0.0, not 1.1.0; there is no plug-in "absent"/,
    );
  });

  it("takes a plug-in that does not know VERSION for one of 0.1.0, and tells of one that says nonsense", async () => {
    await telling("first", `echo '{"code":4,"msg":"unknown CNI_COMMAND: VERSION"}'; exit 1`);
    expect(await runtime.version("first")).toEqual(["0.1.0"]);
    await telling("first", "echo hello");
    await expect(runtime.version("first")).rejects.toMatchObject({ code: "KX_CNI_RESULT" });
  });
});

describe("time", () => {
  it("kills a plug-in that takes too long, with all that it started", async () => {
    await plugin("first", `sleep 600 & echo $! > ${folder}/child; wait`);
    const hasty = makeRuntime({ timeoutMs: 1500 });
    await expect(hasty.add(await network(), target)).rejects.toThrow(
      "plug-in first did not end ADD within 1500 ms and was killed",
    );
    // On a machine so slow that the script had not come that far, it started nothing.
    const child = Number(await readFile(join(folder, "child"), "utf8").catch(() => "0"));
    if (child > 0) await vi.waitFor(() => expect(isRunning(child)).resolves.toBe(false), { timeout: 20_000 });
  });

  it("gives up when its caller does", async () => {
    await plugin("first", `touch ${folder}/started; sleep 600`);
    const controller = new AbortController();
    const adding = runtime.add(await network(), target, { signal: controller.signal });
    const failed = expect(adding).rejects.toMatchObject({ code: "KX_CNI_CANCELLED" });
    await vi.waitFor(() => readFile(join(folder, "started")), { timeout: 20_000 });
    controller.abort();
    await failed;
  });
});

describe("one after another", () => {
  /** A plug-in that tells when it begins and ends, and waits for a file in between. */
  const slow = () =>
    plugin(
      "first",
      `i=0; while [ ! -e ${folder}/go ] && [ $i -lt 600 ]; do i=$((i + 1)); sleep 0.05; done
       echo "end $CNI_COMMAND $CNI_CONTAINERID" >> ${folder}/order`,
    );
  const begun = (...lines: readonly string[]) =>
    vi.waitFor(async () => expect(await order()).toEqual(expect.arrayContaining([...lines])), { timeout: 20_000 });
  const alone = { plugins: [{ type: "first" }] };

  it("does one operation of a container at a time, and others beside it", async () => {
    await slow();
    const list = await network(alone);
    // Two runtimes, as two processes would have.
    const other = makeRuntime();
    const both = [runtime.add(list, target), other.add(list, { ...target, ifName: "eth1" })];
    const beside = other.add(list, { ...target, containerId: "c2" });
    await begun("ADD first c1", "ADD first c2");
    await writeFile(join(folder, "go"), "");
    await Promise.all([...both, beside]);
    const ofOne = (await order()).filter((line) => line.endsWith("c1"));
    expect(ofOne).toEqual(["ADD first c1", "end ADD c1", "ADD first c1", "end ADD c1"]);
  });

  it("keeps everybody out during GC, and GC out during other work", async () => {
    await slow();
    const list = await network(alone);
    const adding = runtime.add(list, target);
    await begun("ADD first c1");
    const collecting = makeRuntime().gc(list, [{ containerID: "c1", ifname: "eth0" }]);
    // It has shut the gate when it waits for the work that is under way.
    await vi.waitFor(async () => expect(await isLocked(join(folder, "cache/kx-locks/gate"))).toBe(true), {
      timeout: 20_000,
    });
    const late = runtime.add(list, { ...target, containerId: "c2" });
    await writeFile(join(folder, "go"), "");
    await Promise.all([adding, collecting, late]);
    const lines = (await order()).filter((line) => !line.startsWith("GC first"));
    expect(lines).toEqual(["ADD first c1", "end ADD c1", "end GC", "ADD first c2", "end ADD c2"]);
  });

  it("stops waiting when its caller gives up", async () => {
    await slow();
    const list = await network(alone);
    const adding = runtime.add(list, target);
    await begun("ADD first c1");
    const signal = AbortSignal.timeout(1);
    await expect(makeRuntime().del(list, target, { signal })).rejects.toThrow();
    await writeFile(join(folder, "go"), "");
    await adding;
    expect(await order()).toEqual(["ADD first c1", "end ADD c1"]);
  });
});

/** Whether somebody holds a lock on a file, as the kernel tells. */
async function isLocked(file: string): Promise<boolean> {
  const { ino } = await stat(file);
  const locks = await readFile("/proc/locks", "utf8");
  return locks.split("\n").some((line) => line.includes("FLOCK") && line.includes(`:${ino} `));
}

async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
  return !/^State:\s+[ZX]/m.test(status);
}
