// The example as a runtime sees it: an executable with variables and standard input.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, formatCounts, stateOfFolder } from "@kx/cni/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installExample } from "../support/executables.ts";

let folder: string;
let executable: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-cni-example-"));
  executable = await installExample(folder);
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function run(
  command: string,
  more: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
) {
  const config = { cniVersion: "1.1.0", name: "net", type: "register", folder: join(folder, "entries"), ...more };
  const { status, stdout, stderr } = spawnSync(executable, {
    encoding: "utf8",
    input: JSON.stringify(config),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "a1",
      CNI_NETNS: "/proc/self/ns/net",
      CNI_NETNS_OVERRIDE: "1",
      CNI_IFNAME: "eth0",
      CNI_PATH: folder,
      ...env,
    },
  });
  return { status, stderr, output: stdout === "" ? undefined : (JSON.parse(stdout) as unknown) };
}

const entries = () => readdir(join(folder, "entries"));

describe("the example", () => {
  it("adds, checks and deletes, and is chained", async () => {
    const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/24" }] };
    expect(run("ADD", { prevResult })).toEqual({ status: 0, stderr: "", output: prevResult });
    expect(await readFile(join(folder, "entries/net a1 eth0"), "utf8")).toBe("/proc/self/ns/net");
    expect(run("CHECK", { prevResult })).toEqual({ status: 0, stderr: "", output: undefined });
    expect(run("STATUS").status).toBe(0);
    for (let times = 0; times < 2; times++) expect(run("DEL")).toEqual({ status: 0, stderr: "", output: undefined });
    expect(await entries()).toEqual([]);
    expect(run("CHECK", { prevResult })).toMatchObject({
      status: 1,
      output: { cniVersion: "1.1.0", code: 100, msg: "a1 is not registered" },
    });
  });

  it("leaves the first ADD's entry alone when a second fails, and says why on standard error", async () => {
    expect(run("ADD", {}, { CNI_NETNS: "/proc/1/ns/net" }).status).toBe(0);
    const second = run("ADD");
    expect(second).toMatchObject({ status: 1, output: { code: 999, msg: expect.stringContaining("EEXIST") } });
    expect(second.stderr).toContain('"msg":"unforeseen failure"');
    expect(await readFile(join(folder, "entries/net a1 eth0"), "utf8")).toBe("/proc/1/ns/net");
  });

  it("collects what is not in use", async () => {
    for (const CNI_CONTAINERID of ["a1", "a2", "a3"]) run("ADD", {}, { CNI_CONTAINERID });
    expect(run("GC").status).toBe(0);
    expect(await entries()).toHaveLength(3);
    run("GC", { "cni.dev/valid-attachments": [{ containerID: "a2", ifname: "eth0" }] });
    expect(await entries()).toEqual(["net a2 eth0"]);
    run("GC", { "cni.dev/valid-attachments": null });
    expect(await entries()).toEqual([]);
  });

  it("answers VERSION, names what is missing, and says what is wrong with its configuration", () => {
    const none = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_PATH: "" };
    expect(run("VERSION", {}, none)).toMatchObject({ status: 0, output: { cniVersion: "1.1.0" } });
    expect(run("ADD", {}, none)).toMatchObject({
      status: 1,
      output: { code: 4, msg: expect.stringMatching(/CONTAINERID.*NETNS.*IFNAME.*PATH/) },
    });
    expect(run("ADD", { folder: 5 })).toMatchObject({
      status: 1,
      output: { code: 7, msg: expect.stringContaining("folder Invalid input: expected string, received number") },
    });
  });

  it("passes the conformance suite, behind another plug-in", async () => {
    const entriesFolder = join(folder, "entries");
    await mkdir(entriesFolder);
    const report = await conformance({
      executable,
      role: "chained",
      namespaces: false,
      config: { type: "register", folder: entriesFolder },
      state: stateOfFolder(entriesFolder),
      damages: {
        "the entry is gone": ({ containerId }) => rm(join(entriesFolder, `kx-conformance ${containerId} eth0`)),
      },
      unavailable: async () => {
        await rmdir(entriesFolder);
        await writeFile(entriesFolder, "");
        return {
          async [Symbol.asyncDispose]() {
            await rm(entriesFolder);
            await mkdir(entriesFolder);
          },
        };
      },
    });
    console.log(formatCounts(report));
    expect(report.cases.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    expect(report.counts.passed).toBeGreaterThan(40);
  }, 240_000);

  it("logs what it did if asked to", () => {
    const { stderr } = run("VERSION", {}, { KX_CNI_LOG: "debug" });
    expect(JSON.parse(stderr)).toMatchObject({ level: "debug", msg: "call handled", type: "register", exitCode: 0 });
  });
});
