import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { installMissing, planInstall } from "./install.ts";
import type { Prerequisite } from "./prerequisites.ts";

const row = (name: string, ok: boolean, packages?: string[]): Prerequisite => ({
  name,
  ok,
  found: "",
  remedy: "",
  neededFor: "cluster",
  ...(packages === undefined ? {} : { fix: { packages } }),
});
const rows = [
  row("nft", false, ["nftables"]),
  row("ip", true, ["iproute2"]),
  row("unshare", false, ["util-linux"]),
  row("nsenter", false, ["util-linux"]),
  row("kernel", false),
];

it("root on Debian installs what is missing, each package once", () => {
  expect(planInstall(rows, { uid: 0, debian: true })).toEqual({
    kind: "install",
    packages: ["nftables", "util-linux"],
    commands: [
      ["apt-get", "update"],
      ["apt-get", "install", "-y", "--no-install-recommends", "nftables", "util-linux"],
    ],
  });
});

it("another user on Debian is told the command", () => {
  expect(planInstall(rows, { uid: 1000, debian: true })).toMatchObject({
    kind: "tell",
    text: "sudo apt-get update && sudo apt-get install -y --no-install-recommends nftables util-linux",
  });
});

it("on another system the packages are named", () => {
  expect(planInstall(rows, { uid: 0, debian: false })).toMatchObject({
    kind: "tell",
    text: "install what this system calls nftables, util-linux",
  });
});

it("nothing is done where no package helps", async () => {
  expect(planInstall([row("kernel", false), row("ip", true, ["iproute2"])], { uid: 0, debian: true })).toEqual({
    kind: "nothing",
  });
  expect(await installMissing([row("kernel", false)])).toEqual([]);
});

describe.runIf(process.getuid?.() === 0 && existsSync("/usr/bin/apt-get"))("with a stand-in for apt-get", () => {
  async function withApt(text: string, use: (env: NodeJS.ProcessEnv, diary: string) => Promise<void>): Promise<void> {
    const dir = await mkdtemp(join(tmpdir(), "kx-install-"));
    try {
      await writeFile(join(dir, "apt-get"), `#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> ${dir}/diary\n${text}\n`);
      await chmod(join(dir, "apt-get"), 0o755);
      await use({ PATH: dir }, join(dir, "diary"));
    } finally {
      await rm(dir, { recursive: true });
    }
  }

  it("the packages are told before they are installed", async () => {
    await withApt("", async (env, diary) => {
      const steps: string[] = [];
      const onProgress = (progress: { state: string; step: string }) => {
        steps.push(`${progress.state} ${progress.step} ${existsSync(diary)}`);
      };
      expect(await installMissing(rows, { env, onProgress })).toEqual(["nftables", "util-linux"]);
      expect(steps).toEqual([
        "started installing nftables, util-linux false",
        "done installing nftables, util-linux true",
      ]);
      expect((await readFile(diary, "utf8")).trim().split("\n")).toEqual([
        "noninteractive -o DPkg::Lock::Timeout=120 update",
        "noninteractive -o DPkg::Lock::Timeout=120 install -y --no-install-recommends nftables util-linux",
      ]);
    });
  });

  it("a failure ends with what it printed and the command", async () => {
    await withApt("echo E: Unable to locate package nftables >&2; exit 100", async (env) => {
      await expect(installMissing(rows, { env })).rejects.toThrow(
        /KX_CLUSTER_INSTALL_FAILED[^]*Unable to locate[^]*run it yourself: apt-get update/,
      );
    });
  });
});
