import { resolve } from "node:path";
import { createCniDaemon, defaultSocketPath } from "@kx/cni/daemon";
import { installCni, uninstallCni } from "@kx/cni/install";
import { createLogger } from "@kx/core/log";
import type { CniNodeActions, DaemonFlags, InstallFlags, UninstallFlags } from "../cni/node-flags.ts";
import { format } from "../output.ts";
import type { Terminal } from "../terminal.ts";

/** What `kx cni install`, `uninstall` and `daemon` do. */
export function cniNodeActions({ stdout, env }: Terminal, signal: AbortSignal): CniNodeActions {
  const say = (value: unknown, text: string, output: InstallFlags["output"]): number => {
    stdout.write(`${output === undefined ? text : format(value, output)}\n`);
    return 0;
  };
  const socketOf = ({ socket }: DaemonFlags | UninstallFlags) =>
    resolve(socket ?? (env["KX_CNI_SOCKET"] || defaultSocketPath));
  return {
    async install(flags) {
      const { binDir, prefix, plain = false, fallback, output } = flags;
      const network = networkOf(flags);
      const installed = await installCni({ binDir, prefix, plain, fallback, ...(network && { network }) });
      const { types, folder, executable, conflist, notes } = installed;
      const what = executable === "shim" ? "the shim" : "the Node program";
      const lines = [
        `${types.length} plug-ins in ${resolve(binDir)} are ${what} of ${folder}`,
        ...(conflist === undefined ? [] : [`the network is described in ${conflist}`]),
        ...notes.map((note) => `note: ${note}`),
      ];
      return say(installed, lines.join("\n"), output);
    },
    async uninstall(flags) {
      const { binDir, prefix, network, confDir, cacheDir, drainLater, force, output } = flags;
      const whileAttached = drainLater === true ? "drain" : force === true ? "detach" : "refuse";
      const log = createLogger({ level: "warn" });
      const socketPath = socketOf(flags);
      const places = { binDir, prefix, network, confDir, cacheDir, socketPath };
      const uninstalled = await uninstallCni({ ...places, log, whileAttached });
      const { isRemoved, attached } = uninstalled;
      const names = attached.map(({ containerId, ifName }) => `\n  ${ifName} of ${containerId}`).join("");
      const text = isRemoved
        ? "the plug-ins are uninstalled"
        : `the plug-ins attach nothing any more, and go with the last of ${attached.length}:${names}`;
      return say(uninstalled, text, output);
    },
    async daemon(flags) {
      const socketPath = socketOf(flags);
      const log = createLogger({ name: "kx-cni", level: flags.logLevel });
      const daemon = createCniDaemon({ log, socketPath });
      await daemon.start(signal, () => log.info({ socketPath }, "ready for calls"));
      return 0;
    },
  };
}

function networkOf({ confDir, network, subnet, bridge, mtu, statusPolicy }: InstallFlags) {
  if (confDir === undefined) return undefined;
  return {
    confDir,
    network,
    statusPolicy,
    ...(subnet === undefined ? {} : { subnets: subnet }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}
