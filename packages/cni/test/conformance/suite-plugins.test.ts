// Every reference plug-in of kx goes through the conformance suite: in a process that goes on, and by the daemon.
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
import { createTuning } from "@kx/cni/tuning";
import { describe, test } from "vitest";
import { daemonLab } from "../support/daemon-lab.ts";
import { netOf, runIn } from "./support/net-of.ts";
import { runsHere } from "./support/privileges.ts";
import {
  backendOptions,
  type ReferencePlugin,
  referencePlugins,
  suiteBackends,
  suiteOptions,
} from "./support/suite-options.ts";
import { passes, useSuitePlace } from "./support/suite-place.ts";

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

describe.runIf(runsHere("the conformance suite for plug-ins that change the network"))("the suite passes", () => {
  const present = useSuitePlace();

  test.each(referencePlugins)(
    "for kx-%s in a process that goes on",
    async (name) => {
      const { host, place } = present();
      const options = suiteOptions(name, place);
      const plugin = creators[name]({ net: netOf(host), run: runIn(host) });
      await passes(`kx-${name}`, { ...options, plugin, plugins: { "kx-host-local": createHostLocal() } });
    },
    300_000,
  );

  test.each(suiteBackends)(
    "for kx-$plugin with $fields",
    async (backend) => {
      const { host, place } = present();
      const options = backendOptions(backend, place);
      const plugin = creators[backend.plugin]({ net: netOf(host), run: runIn(host) });
      const how = `kx-${backend.plugin} with ${JSON.stringify(backend.fields)}`;
      await passes(how, { ...options, plugin, plugins: { "kx-host-local": createHostLocal() } });
    },
    300_000,
  );

  test("for kx-bridge with iptables by the daemon", async () => {
    const { host, place } = present();
    using lab = daemonLab(host);
    await using _ = await lab.startDaemon({ deleteAtOnce: true });
    const executable = join(lab.binDir, "kx-bridge");
    const env = { KX_CNI_SOCKET: lab.socketPath };
    await passes("kx-bridge by iptables", { ...backendOptions(suiteBackends[0], place), executable, env });
  }, 300_000);

  test.each(referencePlugins)(
    "for kx-%s by the daemon",
    async (name) => {
      const { host, place } = present();
      using lab = daemonLab(host);
      await using _ = await lab.startDaemon({ deleteAtOnce: true });
      const executable = join(lab.binDir, `kx-${name}`);
      const env = { KX_CNI_SOCKET: lab.socketPath };
      await passes(`kx-${name}, by the daemon`, { ...suiteOptions(name, place), executable, env });
    },
    300_000,
  );
});
