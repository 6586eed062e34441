// The upstream suite, csi-sanity of kubernetes-csi/csi-test, against the hostpath driver as a process.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type DriverProcess, loopsOf, startHostpath } from "../support/driver-process.ts";
import { goEnvironment, goTool } from "../support/go-program.ts";

const go = goEnvironment();
const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const missing = go === undefined ? "Go to build it with" : isRoot ? undefined : "root on Linux to mount as";
if (missing !== undefined) {
  const told = `csi-sanity is not run: there is no ${missing}`;
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

describe.skipIf(missing !== undefined)("csi-sanity", () => {
  let sanity: string;
  // The first build compiles the suite.
  beforeAll(() => {
    const pkg = "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity";
    sanity = goTool(join(import.meta.dirname, "csi-sanity-go"), pkg, go ?? {});
  }, 600_000);

  const runSanity = async (driver: DriverProcess, args: readonly string[]): Promise<string> => {
    const { folder, socket } = driver;
    await mkdir(join(folder, "mnt"));
    await writeFile(join(folder, "mutable.yaml"), "tier: fast\n");
    const flags = [
      `-csi.endpoint=unix://${socket}`,
      `-csi.mountdir=${folder}/mnt/target`,
      `-csi.stagingdir=${folder}/mnt/staging`,
      `-csi.testvolumemutableparameters=${folder}/mutable.yaml`,
      "-csi.testnodevolumeattachlimit",
      "-ginkgo.no-color",
      ...args,
    ];
    // A failure's text tells the specs; the error alone would not.
    return await driver
      .inside(sanity, flags)
      .catch((error: Error & { stdout?: string }) => error.stdout ?? error.message);
  };
  const summaryOf = (output: string): unknown => ({
    ran: /^Ran (.*) Specs/m.exec(output)?.[1],
    result: /(\w+! -- .*)$/m.exec(output)?.[1],
    failed: output.split("\n").filter((line) => line.includes("[FAIL]")),
  });
  // The one that is pending is switched off in the suite itself: paging while volumes come and go.
  const passed = { ran: "102 of 103", result: "SUCCESS! -- 102 Passed | 0 Failed | 1 Pending | 0 Skipped", failed: [] };

  const expectNothingLeft = async ({ folder, stateDir, inside }: DriverProcess): Promise<void> => {
    const mounts = (await inside("cat", ["/proc/self/mountinfo"])).split("\n").filter((line) => line.includes(folder));
    expect(mounts).toEqual([]);
    expect(await loopsOf(folder)).toEqual([]);
    for (const name of ["volumes", "snapshots", "ephemeral", "making", "state/volume", "state/snapshot"]) {
      expect(await readdir(join(stateDir, name)), name).toEqual([]);
    }
  };

  const flags = ["--attach", "--max-volumes-per-node", "100"];

  it("passes every spec with mounted volumes, and leaves nothing", { timeout: 300_000 }, async () => {
    await using driver = await startHostpath(flags);
    expect(summaryOf(await runSanity(driver, []))).toEqual(passed);
    await expectNothingLeft(driver);
    expect(await driver.stop()).toBe(0);
  });

  it("passes every spec with block volumes, and leaves nothing", { timeout: 300_000 }, async () => {
    await using driver = await startHostpath(flags);
    const sizes = ["-csi.testvolumesize=4194304", "-csi.testvolumeexpandsize=8388608"];
    const output = await runSanity(driver, ["-csi.testvolumeaccesstype=block", ...sizes]);
    expect(summaryOf(output)).toEqual(passed);
    await expectNothingLeft(driver);
  });

  it("passes every spec with volumes in images, and leaves nothing", { timeout: 300_000 }, async () => {
    await using driver = await startHostpath(flags);
    await writeFile(join(driver.folder, "parameters.yaml"), "backing: image\n");
    const sizes = ["-csi.testvolumesize=16777216", "-csi.testvolumeexpandsize=33554432"];
    const output = await runSanity(driver, [`-csi.testvolumeparameters=${driver.folder}/parameters.yaml`, ...sizes]);
    expect(summaryOf(output)).toEqual(passed);
    await expectNothingLeft(driver);
  });

  it("shows which specs a driver without attachments is not asked about", { timeout: 300_000 }, async () => {
    await using driver = await startHostpath([]);
    const output = await runSanity(driver, []);
    expect(output).toMatch(/SUCCESS! -- \d+ Passed \| 0 Failed \| 1 Pending \| [1-9]\d* Skipped/);
  });
});
