// The Go plug-ins, kx's daemon and kx's Node program at once, on the same bridge and the same leases.
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ensureAssets } from "@kx/cluster";
import { expect, it } from "vitest";
import { installCni } from "../../src/install/index.ts";
import { buildPrograms, daemonLab, type LabCall } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared } from "../support/host.ts";

it("shares leases with the Go plug-ins and the Node program, all at once", async () => {
  const assets = await ensureAssets({ names: ["bridge", "host-local"] });
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const prefix = join(lab.folder, "opt");
  const plainDir = join(lab.folder, "plain");
  await buildPrograms(lab.folder);
  await installCni({ binDir: plainDir, prefix, sources: { program: join(lab.folder, "kx-cni.js") }, plain: true });
  for (const name of ["bridge", "host-local"]) symlinkSync(assets.path(name), join(lab.binDir, name));
  await using daemon = await lab.startDaemon();

  const ipam = (type: string) => ({ ipam: { ...Object(lab.config["ipam"]), type } });
  const ways: readonly Omit<LabCall, "command">[] = [
    { type: "kx-bridge" },
    { type: "kx-bridge", binDir: plainDir },
    { type: "kx-bridge", config: ipam("host-local") },
    { type: "bridge", config: { ...ipam("kx-host-local"), ipMasqBackend: "nftables" } },
    { type: "bridge", config: { ...ipam("host-local"), ipMasqBackend: "nftables" } },
  ];
  const pods = await Promise.all(Array.from({ length: 15 }, () => host.pod()));
  const calls = pods.map((pod, index) => {
    const way = ways[index % ways.length] as Omit<LabCall, "command">;
    return { ...way, containerId: `c${index}`, netns: pod.path, config: { bridge: "shared0", ...way.config } };
  });
  const added = await Promise.all(calls.map((call) => lab.done({ ...call, command: "ADD" })));
  const addresses = added.map(({ ips }) => ips?.[0]?.address.replace("/24", ""));
  expect(new Set(addresses).size).toBe(15);
  expect(lab.leases().toSorted((a, b) => a.localeCompare(b))).toEqual(
    addresses.toSorted((a = "", b = "") => a.localeCompare(b)),
  );

  // Whoever has made it, kx's daemon can take it away.
  await Promise.all(
    calls.map(({ containerId, netns, config: { bridge } }, index) => {
      const config = { bridge, prevResult: { ...added[index] } };
      return lab.done({ command: "DEL", containerId, netns, config });
    }),
  );
  expect(lab.leases()).toEqual([]);
  // The answer comes before the lock goes.
  await expect.poll(() => lab.locks()).toEqual([]);
  const leftLinks = async () => (await shared(host.netns)).filter((line) => !line.includes("shared0"));
  await expect.poll(leftLinks, { timeout: 30_000 }).toEqual([]);
  expect(await elementCount(host.netns)).toBe(0);
  for (const pod of pods) expect((await pod.links()).map(({ ifname }) => ifname)).toEqual([]);
  expect(await daemon.stop()).toBe(0);
  rmSync(prefix, { recursive: true });
});
