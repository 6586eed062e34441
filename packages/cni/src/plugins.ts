import { createBandwidth } from "./bandwidth/plugin.ts";
import { createBridge } from "./bridge/plugin.ts";
import { createFirewall } from "./firewall/plugin.ts";
import { createHostLocal } from "./host-local/plugin.ts";
import { createLoopback } from "./loopback/plugin.ts";
import type { NetCalls } from "./net/net-calls.ts";
import type { CniPlugin } from "./plugin/cni-plugin.ts";
import { createPortmap } from "./portmap/plugin.ts";
import { createPtp } from "./ptp/plugin.ts";
import { createStatic } from "./static/plugin.ts";
import { createTuning } from "./tuning/plugin.ts";

/** What plug-ins work with, which is not the same in a daemon and in an executed plug-in. */
export interface PluginParts {
  readonly net: NetCalls;
  /** Tells addresses that must not be given yet, as their last interface is still being deleted. Default: none. */
  readonly isCooling?: (network: string, ip: string) => boolean;
}

const factories: Readonly<Record<string, (parts: PluginParts) => CniPlugin>> = {
  "kx-bridge": ({ net }) => createBridge({ net }),
  "kx-host-local": ({ isCooling }) => createHostLocal(isCooling === undefined ? {} : { isCooling }),
  "kx-static": () => createStatic(),
  "kx-ptp": ({ net }) => createPtp({ net }),
  "kx-loopback": ({ net }) => createLoopback({ net }),
  "kx-bandwidth": ({ net }) => createBandwidth({ net }),
  "kx-firewall": ({ net }) => createFirewall({ net }),
  "kx-tuning": ({ net }) => createTuning({ net }),
  "kx-portmap": ({ net }) => createPortmap({ net }),
};

/** The types of kx's plug-ins, which are the names of their files. */
export const pluginTypes: readonly string[] = Object.keys(factories);

/** All plug-ins of kx by their types. */
export function createPlugins(parts: PluginParts): Readonly<Record<string, CniPlugin>> {
  return Object.fromEntries(Object.entries(factories).map(([type, create]) => [type, create(parts)]));
}
