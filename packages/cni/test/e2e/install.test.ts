import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { installCni, uninstallCni } from "../../src/install/index.ts";
import { pluginTypes } from "../../src/plugins.ts";
import { netnsContents } from "../../src/testing/netns.ts";
import { buildPrograms, daemonLab } from "../support/daemon-lab.ts";
import { makeHost, shared } from "../support/host.ts";

const folder = mkdtempSync(join(tmpdir(), "kx-install-"));
afterAll(() => rmSync(folder, { recursive: true }));
const programs = { program: join(folder, "kx-cni.js"), shim: join(folder, "kx-cni-shim") };
beforeAll(() => buildPrograms(folder));

function places(name: string) {
  const [binDir, confDir, prefix] = [join(folder, name, "bin"), join(folder, name, "net.d"), join(folder, name, "opt")];
  return { binDir, confDir, prefix };
}

it("puts links under the plug-ins' names, can be done again, and leaves nothing", async () => {
  const { binDir, confDir, prefix } = places("links");
  const [cacheDir, socketPath] = [join(folder, "links", "cni"), join(folder, "links", "run", "cni.sock")];
  mkdirSync(binDir, { recursive: true });
  mkdirSync(confDir);
  writeFileSync(join(binDir, "bridge"), "another's");
  writeFileSync(join(binDir, "kx-bridge"), "an old file");
  writeFileSync(join(confDir, "10-kx.conflist"), "{}");
  writeFileSync(join(confDir, "20-other.conflist"), "{}");

  const first = await installCni({ binDir, prefix, sources: programs, fallback: false });
  expect(first).toMatchObject({
    executable: "shim",
    hasFallback: false,
    notes: [expect.stringContaining("no fallback")],
  });
  expect(readlinkSync(join(binDir, "kx-bridge"))).toBe(join(prefix, "current", "kx-cni-shim"));
  expect(readdirSync(binDir).toSorted()).toEqual(["bridge", ...pluginTypes].toSorted());

  const second = await installCni({ binDir, prefix, sources: programs });
  expect(second).toMatchObject({ executable: "shim", hasFallback: true, notes: [] });
  expect(readdirSync(second.folder).toSorted()).toEqual([
    "koffi.node",
    "kx-cni",
    "kx-cni-shim",
    "node",
    "package.json",
  ]);
  const third = await installCni({ binDir, prefix, sources: programs, plain: true });
  expect(third).toMatchObject({ executable: "node", hasFallback: true });
  expect(readlinkSync(join(binDir, "kx-bridge"))).toBe(join(prefix, "current", "kx-cni"));
  // The one before last is gone, the last stays for what has just been started.
  expect(readdirSync(prefix).toSorted()).toEqual(
    ["current", ...[second, third].map((one) => one.folder.slice(prefix.length + 1))].toSorted(),
  );
  expect(await installCni({ binDir, prefix, sources: programs, plain: true })).toEqual(third);

  const uninstall = () => uninstallCni({ ...places("links"), log: collectingLogger(), cacheDir, socketPath });
  expect(await uninstall()).toEqual({ isRemoved: true, attached: [] });
  expect(await uninstall()).toEqual({ isRemoved: true, attached: [] });
  expect(readdirSync(binDir)).toEqual(["bridge"]);
  expect(readdirSync(confDir)).toEqual(["20-other.conflist"]);
  expect(existsSync(prefix)).toBe(false);
});

it("keeps what is there when it cannot install", async () => {
  const { binDir, prefix } = places("broken");
  const installed = await installCni({ binDir, prefix, sources: programs, fallback: false });
  const sources = { ...programs, program: join(folder, "missing") };
  await expect(installCni({ binDir, prefix, sources })).rejects.toMatchObject({ code: "KX_CNI_INSTALL" });
  expect(existsSync(join(binDir, "kx-bridge"))).toBe(true);
  expect(readdirSync(prefix).toSorted()).toEqual([installed.folder.slice(prefix.length + 1), "current"].toSorted());
});

it.each([
  ["beside the shim, for when no daemon answers", false],
  ["by itself", true],
])("installs a Node program %s", async (_, plain) => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const { binDir, prefix } = places(plain ? "plain" : "beside");
  await installCni({ binDir, prefix, sources: programs, plain });
  const pod = await host.pod();
  const call = { netns: pod.path, binDir };

  const versions = JSON.parse((await lab.call({ command: "VERSION", binDir })).stdout);
  expect(versions).toMatchObject({
    cniVersion: "1.1.0",
    supportedVersions: expect.arrayContaining(["0.1.0", "1.1.0"]),
  });
  const added = await lab.done({ ...call, command: "ADD" });
  expect(added.ips?.[0]?.address).toBe("10.1.0.2/24");
  expect(await pod.addresses("eth0")).toEqual(["10.1.0.2/24"]);
  await lab.done({ ...call, command: "CHECK", config: { prevResult: { ...added } } });
  expect(await lab.failed({ ...call, command: "ADD" })).toMatchObject({ code: 999 });
  expect(await lab.failed({ ...call, command: "ADD", containerId: ".." })).toMatchObject({ code: 4 });

  // What one has made is the other's too.
  await using daemon = await lab.startDaemon();
  await lab.done({ netns: pod.path, command: "CHECK", config: { prevResult: { ...added } } });
  await lab.done({ netns: pod.path, command: "DEL" });
  const again = await lab.done({ netns: pod.path, command: "ADD" });
  expect(await daemon.stop()).toBe(0);
  await lab.done({ ...call, command: "DEL", config: { prevResult: { ...again } } });
  expect(lab.leases()).toEqual([]);
  expect(lab.locks()).toEqual([]);
  expect(lab.queued()).toEqual([]);
  expect(await netnsContents(pod)).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
});

it("is changed while plug-ins run", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const { binDir, prefix } = places("busy");
  await installCni({ binDir, prefix, sources: programs, fallback: false });
  await using daemon = await lab.startDaemon();
  const over = new AbortController();
  const calls = async () => {
    const codes: (number | null)[] = [];
    while (!over.signal.aborted) codes.push((await lab.call({ command: "STATUS", binDir })).exitCode);
    return codes;
  };
  const running = Promise.all([calls(), calls()]);
  for (let round = 0; round < 6; round++) {
    await installCni({ binDir, prefix, sources: programs, fallback: round % 2 === 0 });
  }
  over.abort();
  const codes = (await running).flat();
  expect(codes.length).toBeGreaterThan(2);
  expect(new Set(codes)).toEqual(new Set([0]));
  expect(await daemon.stop()).toBe(0);
});
