// `kx csi sanity` and `kx csi testdriver` as authors of drivers call them.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { collectingLogger } from "@kx/core/testing";
import { type CsiDriver, defineCsiDriver, runCsiDriver } from "@kx/csi";
import { hostpath } from "@kx/csi/hostpath";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { kx } from "../e2e/run-kx.ts";

const execute = promisify(execFile);

let folder: string;
let endpoint: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-csi-cli-"));
  endpoint = `unix://${folder}/csi.sock`;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const good = () => hostpath({ nodeId: "node-1", stateDir: join(folder, "state"), attach: true, durability: "rename" });
const csi = (...args: readonly string[]) => kx(folder, "csi", ...args, "--endpoint", endpoint);

async function serve(driver: CsiDriver): Promise<AsyncDisposable> {
  const running = await runCsiDriver(driver, {
    endpoint,
    log: collectingLogger(),
    signal: new AbortController().signal,
  });
  await running.ready;
  return running;
}

async function optionsFile(content: unknown): Promise<string> {
  const path = join(folder, "options.json");
  await writeFile(path, JSON.stringify(content));
  return path;
}

describe("kx csi sanity", () => {
  it("passes a driver that is right, and says what it did not look at", async () => {
    await using _ = await serve(good());
    const options = await optionsFile({ mutableParameters: { tier: "gold" } });
    const flags = ["--no-mounts", "--volume-size", "1048576", "--options", options];
    const { code, stdout, stderr } = await csi("sanity", ...flags);
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")[0]).toBe(endpoint);
    expect(stdout).toMatch(/ {2}✓ .*\(D8\.stable, \d+ ms\)/);
    expect(stdout).not.toContain("✗");
    expect(stdout).not.toContain("D13.use");
    expect(stdout).toMatch(/\n\d+ cases: \d+ passed, 0 failed, \d+ not applicable\n$/);
    const all = await csi("sanity", ...flags, "--all", "--only", "D13");
    expect(all.code, all.stdout).toBe(0);
    expect(all.stdout).toContain("D13.use");
    expect(all.stdout).toContain("no volumes are brought to this machine");
  });

  it("names the case that a driver fails, and why, and ends with 1", async () => {
    const { definition } = good();
    const lying = defineCsiDriver({
      ...definition,
      async createVolume(request, ctx) {
        const made = await definition.createVolume?.(request, ctx);
        return { volume: { ...made?.volume, capacityBytes: 1n } };
      },
    });
    await using _ = await serve(lying);
    const { code, stdout } = await csi("sanity", "--no-mounts", "--only", "D4.size", "D4.apart");
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ a volume has the size asked for.*D4\.size/);
    expect(stdout).toContain("it has 1 bytes, asked for were 16777216");
    expect(stdout).toMatch(/✓ .*D4\.apart/);
    const data = await csi("sanity", "--no-mounts", "--only", "D4.size", "-o", "json");
    expect(data.code).toBe(1);
    expect(JSON.parse(data.stdout)).toMatchObject({
      driver: "hostpath.csi.kx.dev",
      isConformant: false,
      cases: [{ id: "D4.size", outcome: "failed" }],
    });
    // What is known to fail is no failure, as long as it does.
    const knownGaps = { "D4.size": "sizes come with the next release" };
    const gaps = await csi("sanity", "--no-mounts", "--only", "D4.size", "--options", await optionsFile({ knownGaps }));
    expect(gaps.code, gaps.stdout).toBe(0);
  });

  it("kills the driver and starts it again by commands", async () => {
    const driver = join(folder, "driver.sh");
    const program = join(import.meta.dirname, "../../../../packages/csi/bin/kx-csi-hostpath.mjs");
    const flags = `--endpoint ${endpoint} --node-id node-1 --state-dir ${folder}/state`;
    // It comes back when the driver listens.
    const begin = `"${process.execPath}" "${program}" ${flags} >>"${folder}/log" 2>&1 & echo $! >"${folder}/pid"`;
    const wait = `until [ -S "${folder}/csi.sock" ]; do sleep 0.05; done`;
    await writeFile(driver, `#!/bin/sh\n${begin}\n${wait}\n`, { mode: 0o755 });
    const kill = `kill -9 $(cat ${folder}/pid); rm -f ${folder}/csi.sock`;
    await execute(driver);
    try {
      const commands = ["--kill", kill, "--start", driver];
      const run = await csi("sanity", "--no-mounts", "--only", "D16.remember", "D16.kill-delete", ...commands);
      expect(run.code, run.stdout).toBe(0);
      expect(run.stdout).toContain("2 cases: 2 passed, 0 failed");
      const broken = await csi("sanity", "--no-mounts", "--only", "D16.remember", "--kill", kill, "--start", "false");
      expect(broken.code, broken.stdout).toBe(1);
    } finally {
      await execute("sh", ["-c", kill]).catch(() => {});
    }
    expect((await csi("sanity", "--kill", "true")).stderr).toContain("give --kill and --start");
  });

  it("says what is wrong with its command line, and with a driver that does not answer", async () => {
    const unknown = await csi("sanity", "--options", await optionsFile({ parameter: {} }));
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("has the unknown field parameter");
    expect(unknown.stderr).toContain("remedy: did you mean parameters?");
    expect((await csi("sanity", "--only", "D99")).stderr).toContain("D99");
    const silent = await csi("sanity");
    expect(silent.code).toBe(1);
    expect(silent.stderr).toContain("[KX_CSI_TESTING]");
    expect(silent.stderr).toContain("remedy: start it");
  });
});

describe("kx csi testdriver", () => {
  it("prints the file of a driver, with what its socket does not tell", async () => {
    await using _ = await serve(good());
    const manifests = join(folder, "manifests.yaml");
    await writeFile(
      manifests,
      [
        "apiVersion: v1\nkind: Namespace\nmetadata: { name: csi }",
        "apiVersion: v1\nkind: List\nitems:\n- kind: CSIDriver\n  spec: { fsGroupPolicy: None, volumeLifecycleModes: [Ephemeral] }",
      ].join("\n---\n"),
    );
    const flags = ["--csi-driver", manifests, "--probe", "--min-size", "4Mi", "--fs-types", "ext4", "xfs"];
    const { code, stdout, stderr } = await csi("testdriver", ...flags, "--set", "singleNodeVolume=true", "exec=false");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(parse(stdout)).toMatchObject({
      StorageClass: { FromName: true },
      DriverInfo: {
        Name: "hostpath.csi.kx.dev",
        SupportedSizeRange: { Min: "4Mi" },
        SupportedFsType: { "": {}, ext4: {}, xfs: {} },
        Capabilities: { block: true, fsGroup: true, singleNodeVolume: true, exec: false, persistence: true },
      },
      InlineVolumes: [{ Attributes: {} }],
    });
  });

  it("says what is wrong with its command line", async () => {
    const wrong = await csi("testdriver", "--set", "blok=true");
    expect(wrong.stderr).toContain("remedy: did you mean block?");
    const empty = join(folder, "empty.yaml");
    await writeFile(empty, "kind: ConfigMap\n");
    expect((await csi("testdriver", "--csi-driver", empty)).stderr).toContain("has no CSIDriver");
    expect((await csi("testdriver", "--csi-driver", join(folder, "none"))).stderr).toContain("cannot be read");
    expect((await csi("testdriver", "--min-size", "much")).stderr).toContain("Give a quantity, such as 16Mi.");
  });
});
