// Every reference plug-in of kx goes through the conformance suite: in a process that goes on, executed, by the daemon.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CniPlugin } from "@kx/cni";
import { createBandwidth } from "@kx/cni/bandwidth";
import { type BridgeOptions, createBridge } from "@kx/cni/bridge";
import { createFirewall } from "@kx/cni/firewall";
import { createHostLocal } from "@kx/cni/host-local";
import { createLoopback } from "@kx/cni/loopback";
import { createPortmap } from "@kx/cni/portmap";
import { createPtp } from "@kx/cni/ptp";
import { createStatic } from "@kx/cni/static";
import {
  type ConformanceOptions,
  conformance,
  formatCounts,
  formatReport,
  makeNetns,
  type TestNetns,
} from "@kx/cni/testing";
import { createTuning } from "@kx/cni/tuning";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { daemonLab } from "../support/daemon-lab.ts";
import { installScript } from "../support/executables.ts";
import { netOf, runIn } from "./support/net-of.ts";
import { runsHere } from "./support/privileges.ts";
import { backendOptions, type ReferencePlugin, suiteBackends, suiteOptions } from "./support/suite-options.ts";

const program = join(import.meta.dirname, "../../dist/bin/kx-cni.js");

const creators: Readonly<Record<ReferencePlugin, (parts: Required<BridgeOptions>) => CniPlugin>> = {
  bridge: createBridge,
  ptp: createPtp,
  loopback: createLoopback,
  "host-local": () => createHostLocal(),
  static: () => createStatic(),
  portmap: createPortmap,
  bandwidth: createBandwidth,
  tuning: createTuning,
  firewall: createFirewall,
};
const plugins = Object.keys(creators) as readonly ReferencePlugin[];

describe.runIf(runsHere("the conformance suite for plug-ins that change the network"))("the suite passes", () => {
  let host: TestNetns;
  let folder: string;
  let place: Parameters<typeof suiteOptions>[1];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "kx-suite-"));
    host = await makeNetns("host");
    const dataDir = join(folder, "leases");
    mkdirSync(dataDir);
    place = { prefix: "kx-", dataDir, host };
  });
  afterEach(async () => {
    await host.dispose();
    rmSync(folder, { recursive: true });
  });

  async function passes(how: string, options: ConformanceOptions): Promise<void> {
    const report = await conformance(options);
    console.log(`${how}: ${formatCounts(report)}`);
    const failed = report.cases.filter(({ outcome }) => outcome !== "passed" && outcome !== "not-applicable");
    expect(failed, formatReport(report)).toEqual([]);
    expect(report.counts.passed).toBeGreaterThan(30);
  }

  test.each(plugins)(
    "for kx-%s in a process that goes on",
    async (name) => {
      const options = suiteOptions(name, place);
      const plugin = creators[name]({ net: netOf(host), run: runIn(host) });
      await passes(`kx-${name}`, { ...options, plugin, plugins: { "kx-host-local": createHostLocal() } });
    },
    300_000,
  );

  test.each(suiteBackends)(
    "for kx-$plugin with $fields",
    async (backend) => {
      const options = backendOptions(backend, place);
      const plugin = creators[backend.plugin]({ net: netOf(host), run: runIn(host) });
      const how = `kx-${backend.plugin} with ${JSON.stringify(backend.fields)}`;
      await passes(how, { ...options, plugin, plugins: { "kx-host-local": createHostLocal() } });
    },
    300_000,
  );

  test("for kx-bridge with iptables by the daemon", async () => {
    using lab = daemonLab(host);
    await using _ = await lab.startDaemon({ deleteAtOnce: true });
    const executable = join(lab.binDir, "kx-bridge");
    const env = { KX_CNI_SOCKET: lab.socketPath };
    await passes("kx-bridge by iptables", { ...backendOptions(suiteBackends[0], place), executable, env });
  }, 300_000);

  test.each(plugins)(
    "for kx-%s executed",
    async (name) => {
      const executable = await installScript(
        folder,
        `kx-${name}`,
        `exec "${process.execPath}" "${program}" kx-${name}`,
      );
      const env = { KX_CNI_SOCKET: join(folder, "run", "cni.sock") };
      await passes(`kx-${name}, executed`, { ...suiteOptions(name, place), executable, env });
    },
    900_000,
  );

  test.each(plugins)(
    "for kx-%s by the daemon",
    async (name) => {
      using lab = daemonLab(host);
      await using _ = await lab.startDaemon({ deleteAtOnce: true });
      const executable = join(lab.binDir, `kx-${name}`);
      const env = { KX_CNI_SOCKET: lab.socketPath };
      await passes(`kx-${name}, by the daemon`, { ...suiteOptions(name, place), executable, env });
    },
    300_000,
  );
});
