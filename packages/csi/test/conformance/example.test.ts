// The README's driver, which is examples/csi-driver, as a process: its whole life by a socket, and csi-sanity.
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AccessMode } from "@kx/csi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { csiClients } from "../support/csi-clients.ts";
import { until } from "../support/driver-process.ts";
import { goEnvironment, goTool } from "../support/go-program.ts";
import { canMount } from "../support/needs.ts";
import { statusOf } from "../support/status-of.ts";

const run = promisify(execFile);
const example = join(import.meta.dirname, "../../../../examples/csi-driver/main.ts");
const isAble = canMount("the README's driver is not run");

it("is the driver that the README shows", async () => {
  const code = (await readFile(example, "utf8")).replace("#!/usr/bin/env node\n", "");
  expect(await readFile(join(import.meta.dirname, "../../README.md"), "utf8")).toContain(code);
  expect(code.split("\n").length).toBeLessThanOrEqual(45);
});

describe.skipIf(!isAble)("the README's driver", () => {
  let folder: string;
  let driver: ReturnType<typeof spawn>;
  let output = "";
  let clients: ReturnType<typeof csiClients>;
  const inside = (file: string, args: readonly string[]) =>
    run("nsenter", ["--target", String(driver.pid), "--mount", "--", file, ...args], { maxBuffer: 64 * 1024 ** 2 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "kx-csi-example-"));
    const socket = join(folder, "csi.sock");
    // A mount namespace of its own, so that nothing stays mounted on the machine.
    const own = ["--mount", "--propagation", "private", process.execPath, example, join(folder, "root")];
    driver = spawn("unshare", own, { env: { ...process.env, CSI_ENDPOINT: `unix://${socket}` } });
    driver.stdout?.on("data", (text) => (output += String(text)));
    driver.stderr?.on("data", (text) => (output += String(text)));
    await until(() => {
      if (driver.exitCode !== null) throw new Error(`the driver has ended: ${output}`);
      return output.includes("driver ready");
    }, "the driver to be ready");
    clients = csiClients(socket);
  }, 60_000);

  afterAll(async () => {
    clients?.close();
    if (driver !== undefined && driver.exitCode === null) {
      const ended = new Promise((resolve) => driver.on("exit", resolve));
      driver.kill("SIGKILL");
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it("brings a volume to a pod's folder and away again, as often as it is asked", async () => {
    const accessType = { case: "mount", value: {} } as const;
    const capability = { accessType, accessMode: { mode: AccessMode.SINGLE_NODE_SINGLE_WRITER } };
    const create = (requiredBytes: bigint) =>
      clients.controller.createVolume({
        name: "pvc-1/../x",
        volumeCapabilities: [capability],
        capacityRange: { requiredBytes },
      });
    const { volume } = await create(10n);
    expect((await create(10n)).volume).toEqual(volume);
    expect(await statusOf(create(11n))).toBe("ALREADY_EXISTS");
    const { volumeId = "" } = volume ?? {};
    const target = join(folder, "pod", "mount");
    await mkdir(join(folder, "pod"));
    const publish = (targetPath: string) =>
      clients.node.nodePublishVolume({ volumeId, targetPath, volumeCapability: capability });
    await publish(target);
    await publish(target);
    expect(await statusOf(publish(join(folder, "pod", "other")))).toBe("FAILED_PRECONDITION");
    await inside("touch", [join(target, "data")]);
    const [kept] = await readdir(join(folder, "root/volumes"));
    expect(await readdir(join(folder, "root/volumes", kept ?? ""))).toEqual(["data"]);
    expect(await statusOf(clients.controller.deleteVolume({ volumeId }))).toBe("FAILED_PRECONDITION");
    for (let times = 0; times < 2; times++) await clients.node.nodeUnpublishVolume({ volumeId, targetPath: target });
    for (let times = 0; times < 2; times++) await clients.controller.deleteVolume({ volumeId });
    expect(await readdir(join(folder, "root/volumes"))).toEqual([]);
    expect(await readdir(join(folder, "pod"))).toEqual([]);
  });

  const go = goEnvironment();
  it.skipIf(go === undefined)("passes csi-sanity as far as it implements it", { timeout: 600_000 }, async () => {
    const pkg = "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity";
    const sanity = goTool(join(import.meta.dirname, "csi-sanity-go"), pkg, go ?? {});
    await mkdir(join(folder, "mnt"));
    const flags = [
      `-csi.endpoint=unix://${join(folder, "csi.sock")}`,
      `-csi.mountdir=${folder}/mnt/target`,
      `-csi.stagingdir=${folder}/mnt/staging`,
      "-ginkgo.no-color",
    ];
    const { stdout } = await inside(sanity, flags).catch((error: { readonly stdout: string }) => error);
    const failed = stdout.split("\n").filter((line) => line.includes("[FAIL]"));
    expect(failed).toEqual([]);
    const [, passed, skipped] = /SUCCESS! -- (\d+) Passed \| 0 Failed \| 1 Pending \| (\d+) Skipped/.exec(stdout) ?? [];
    // What it skips are calls that the driver says it has not.
    expect({ passed, skipped }).toEqual({ passed: "29", skipped: "73" });
    expect(await readdir(join(folder, "root/volumes"))).toEqual([]);
  });

  it("ends by SIGTERM, and takes its socket with it", async () => {
    clients.close();
    const ended = new Promise<number | null>((resolve) => driver.on("exit", resolve));
    driver.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(await readdir(folder)).not.toContain("csi.sock");
  });
});
