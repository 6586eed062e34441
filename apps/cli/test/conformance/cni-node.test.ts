// `kx cni install`, `uninstall` and `daemon` as users call them. The machine's own folders are not touched.
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startKx } from "../e2e/run-kx.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-cni-node-"));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const places = () => ["--bin-dir", at("bin"), "--prefix", at("opt")];
const start = (args: readonly string[]) =>
  startKx(folder, ["cni", ...args], { ...process.env, KX_CNI_SOCKET: at("cni.sock") });
const cni = (...args: readonly string[]) => start(args).ended;
const uninstall = () => cni("uninstall", ...places(), "--conf-dir", at("net.d"), "--cache-dir", at("cni"));

describe("kx cni", () => {
  it("installs, with a configuration if a folder for it is given, and uninstalls", async () => {
    const installed = await cni("install", ...places(), "--no-fallback", "-o", "json");
    expect(installed.code, installed.stderr).toBe(0);
    expect(JSON.parse(installed.stdout)).toMatchObject({
      executable: "shim",
      notes: [expect.stringContaining("no fallback")],
    });
    const plain = await cni(
      "install",
      ...places(),
      "--plain",
      "--conf-dir",
      at("net.d"),
      "--subnet",
      "10.9.0.0/24",
      "fd09::/64",
    );
    expect(plain.stdout).toMatch(
      /^9 plug-ins in \S+bin are the Node program of \S+opt\/\S+\nthe network is .*10-kx.conflist\n$/,
    );
    expect(await readlink(at("bin/kx-bridge"))).toBe(at("opt/current/kx-cni"));
    const { plugins } = JSON.parse(await readFile(at("net.d/10-kx.conflist"), "utf8"));
    expect(plugins[0]).toMatchObject({
      type: "kx-bridge",
      statusPolicy: "ready-once",
      ipMasq: true,
      ipam: { ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd09::/64" }]] },
    });
    const validated = await cni("validate", "--bin-dir", at("bin"), "--conf-dir", at("net.d"));
    expect(validated, validated.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/kx-bridge,.* ok\n/) });
    expect(await uninstall()).toMatchObject({ code: 0, stdout: "the plug-ins are uninstalled\n", stderr: "" });
    expect((await readdir(folder)).toSorted()).toEqual(["bin", "net.d"]);
    expect(await readdir(at("bin"))).toEqual([]);
    expect(await readdir(at("net.d"))).toEqual([]);
  }, 120_000);

  it("says what is wrong with a network, and installs nothing then", async () => {
    const wrong = [
      [["--subnet", "10.9.0.0/24", "10.8.0.0/24"], "one range for IPv4, for IPv6, or for each"],
      [["--subnet", "ten"], "ten"],
      [["--network", "../x"], "no name of a network"],
      [["--bridge", "a-name-of-16-byte"], "no name of an interface"],
    ] as const;
    for (const [flags, words] of wrong) {
      const failed = await cni("install", ...places(), "--conf-dir", at("net.d"), ...flags);
      expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
    }
    expect(await readdir(folder)).toEqual([]);
    expect(await cni("install", ...places(), "--mtu", "9")).toMatchObject({ code: 2 });
    expect(await cni("uninstall", "--force", "--drain-later")).toMatchObject({ code: 2 });
  }, 120_000);

  it("runs a daemon until a signal", async () => {
    await cni("install", ...places(), "--no-fallback");
    const daemon = start(["daemon"]);
    await daemon.told("ready for calls");
    expect(await readdir(folder)).toContain("cni.sock");
    const status = await cni("version", "kx-bridge", "--bin-dir", at("bin"));
    expect(status, status.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("1.1.0") });
    daemon.child.kill("SIGTERM");
    expect(await daemon.ended).toMatchObject({ code: 143, stdout: "" });
    expect(await readdir(folder)).not.toContain("cni.sock");
  }, 120_000);
});
