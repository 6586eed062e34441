// The executable of a reference plug-in, as it runs without a daemon. Its type is the first argument.
import { type CniPlugin, runCniPlugin } from "@kx/cni";
import { createBandwidth } from "@kx/cni/bandwidth";
import { createBridge } from "@kx/cni/bridge";
import { createFirewall } from "@kx/cni/firewall";
import { createHostLocal } from "@kx/cni/host-local";
import { createLoopback } from "@kx/cni/loopback";
import { createPortmap } from "@kx/cni/portmap";
import { createPtp } from "@kx/cni/ptp";
import { createStatic } from "@kx/cni/static";
import { createTuning } from "@kx/cni/tuning";

const all: readonly CniPlugin[] = [
  createBandwidth(),
  createBridge(),
  createFirewall(),
  createHostLocal(),
  createLoopback(),
  createPortmap(),
  createPtp(),
  createStatic(),
  createTuning(),
];
const plugins = Object.fromEntries(all.map((plugin) => [plugin.name, plugin]));
const type = process.argv[2] ?? "";
const plugin = plugins[type];
if (plugin === undefined) throw new Error(`there is no plug-in ${type}`);
process.exitCode = await runCniPlugin(plugin, { plugins });
