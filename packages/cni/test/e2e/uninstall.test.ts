import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pluginTypes } from "../../src/plugins.ts";
import { buildPrograms, daemonLab } from "../support/daemon-lab.ts";
import { makeHost, shared } from "../support/host.ts";
import { installedNode } from "../support/installed-node.ts";

const folder = mkdtempSync(join(tmpdir(), "kx-uninstall-"));
afterAll(() => rmSync(folder, { recursive: true }));
const programs = { program: join(folder, "kx-cni.js"), shim: join(folder, "kx-cni-shim") };
beforeAll(() => buildPrograms(folder));
const ids = ["a", "b", "c", "d"];

describe.each([
  ["with a daemon, and no Node program yet", true],
  ["without a daemon", false],
])("an uninstallation while containers are attached, %s", (_, hasDaemon) => {
  it("is refused, or waits for the last DEL and attaches nothing any more", async () => {
    await using host = await makeHost();
    using lab = daemonLab(host.netns);
    const node = installedNode(host, lab, programs);
    await node.install(!hasDaemon);
    await using daemon = hasDaemon ? await lab.startDaemon() : undefined;
    const status = { command: "STATUS", binDir: node.binDir };
    const eased = { ...status, config: { statusPolicy: "ready-once" } };
    await lab.done(eased);
    for (const id of ids) await node.attach(id);
    const refused = {
      code: "KX_CNI_IN_USE",
      reason: expect.stringMatching(/^4 attachments .*: eth0 of a \(net\), eth0/),
    };
    expect(await node.uninstall()).toMatchObject(refused);
    await lab.done(status);

    const attached = ids.map((containerId) => ({ networkName: "net", containerId, ifName: "eth0" }));
    expect(await node.uninstall("drain")).toEqual({ isRemoved: false, attached });
    expect(readdirSync(node.binDir).toSorted()).toEqual([...pluginTypes].toSorted());
    expect(readdirSync(node.confDir)).toEqual(["10-kx.conflist"]);
    const pod = await host.pod();
    const add = { command: "ADD", containerId: "e", netns: pod.path, binDir: node.binDir };
    expect(await lab.failed(add)).toMatchObject({ code: 11, msg: expect.stringContaining("[KX_CNI_DRAINING]") });
    expect(await lab.failed(status)).toMatchObject({ code: 50 });
    await lab.done(eased);
    expect(await node.uninstall()).toMatchObject(refused);

    await node.detach("a");
    await node.forget("a");
    expect(readdirSync(node.confDir)).toEqual(["10-kx.conflist"]);
    // The runtime remembers them until all of their DELs have been.
    await Promise.all(ids.slice(1).map((id) => node.detach(id)));
    expect(node.left()).toEqual([]);
    expect(lab.leases()).toEqual([]);
    if (daemon !== undefined) expect(await daemon.stop()).toBe(0);
    expect(await shared(host.netns)).toEqual([]);
  });
});

it("is taken back by an installation, and goes on after one", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const node = installedNode(host, lab, programs);
  await node.install(true);
  await node.attach("a");
  expect(await node.uninstall("drain")).toMatchObject({ isRemoved: false });
  expect(await node.install(true)).toMatchObject({ executable: "shim" });
  await node.attach("b");
  for (const id of ["a", "b"]) {
    await node.detach(id);
    await node.forget(id);
  }
  expect(node.left()).not.toEqual([]);
  expect(await node.uninstall()).toEqual({ isRemoved: true, attached: [] });
  expect(node.left()).toEqual([]);
  expect(await node.uninstall()).toEqual({ isRemoved: true, attached: [] });
});

it("carries out the DELs that were kept for a daemon", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const node = installedNode(host, lab, programs);
  await node.install(false);
  {
    await using daemon = await lab.startDaemon();
    await node.attach("a");
    expect(await daemon.stop()).toBe(0);
  }
  await node.detach("a");
  await node.forget("a");
  expect(lab.queued()).toHaveLength(2);
  expect(lab.leases()).toHaveLength(1);
  expect(await node.uninstall()).toEqual({ isRemoved: true, attached: [] });
  expect(lab.leases()).toEqual([]);
  expect(node.left()).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
});

it("takes the network from what is attached, if it is to", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const node = installedNode(host, lab, programs);
  await node.install(true);
  for (const id of ids) await node.attach(id);
  expect(await node.uninstall("detach")).toEqual({ isRemoved: true, attached: [] });
  expect(node.left()).toEqual([]);
  expect(lab.leases()).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
});

it("and an installation that were killed are finished by another", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const node = installedNode(host, lab, programs);
  const at = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  let killed = 0;
  const count = (printed: object | undefined) => (killed += printed === undefined ? 1 : 0);

  const isCopying = () => at(node.prefix).some((name) => name.endsWith(".tmp"));
  const isCopied = () => at(node.prefix).some((name) => /^[^.]+\.[^.]+\.[^.]+-/.test(name));
  const linked = () => at(node.binDir).filter((name) => name.startsWith("kx-")).length;
  for (const until of [
    isCopying,
    isCopied,
    () => linked() > 0,
    () => linked() > 5,
    () => at(node.confDir).length > 0,
  ]) {
    count(await node.install(true, until));
  }
  expect(killed).toBeGreaterThan(1);
  // What a killed one leaves in any case, so that it is not only chance that tries it.
  writeFileSync(join(node.prefix, ".0.0.0-0123456789ab.tmp"), "");
  writeFileSync(join(node.binDir, ".kx-link.tmp"), "");
  expect(await node.install(true)).toMatchObject({ executable: "shim", hasFallback: true });
  expect(at(node.prefix).toSorted()).toEqual([expect.stringMatching(/^0\.0\.0-[\da-f]{12}$/), "current"]);
  expect(at(node.binDir).toSorted()).toEqual([...pluginTypes].toSorted());
  expect(at(node.confDir)).toEqual(["10-kx.conflist"]);

  await node.attach("a");
  const isDraining = () => existsSync(join(node.prefix, "uninstall.json"));
  count(await node.uninstall("drain", isDraining));
  expect(await node.uninstall("drain")).toMatchObject({ isRemoved: false });
  await node.detach("a");
  expect(node.left()).toEqual([]);
  await node.forget("a");

  killed = 0;
  const all = pluginTypes.length;
  for (const until of [isDraining, () => at(node.confDir).length === 0, () => linked() < all, () => linked() === 0]) {
    await node.install(true);
    count(await node.uninstall("refuse", until));
    expect(await node.uninstall()).toEqual({ isRemoved: true, attached: [] });
    expect(node.left()).toEqual([]);
  }
  expect(killed).toBeGreaterThan(1);
}, 300_000);
