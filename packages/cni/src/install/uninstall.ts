import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { KxError, type Logger, systemClock } from "@kx/core";
import { withFileLock } from "../daemon/attachment-lock.ts";
import { carryOut } from "../daemon/carry-out.ts";
import { createDeleteQueue } from "../daemon/delete-queue.ts";
import { defaultSocketPath, stateFolder } from "../daemon/state-folder.ts";
import { directNet } from "../net/net-calls.ts";
import { createPlugins } from "../plugins.ts";
import { parseNetwork } from "../runtime/network.ts";
import { createCniRuntime } from "../runtime/runtime.ts";
import { nameOf, type OwnAttachment, ownAttachments } from "./attached.ts";
import { type Draining, readDraining, removeAll, removeIfEmpty, writeDraining } from "./draining.ts";
import type { InstallSources } from "./folder.ts";
import { placePrograms } from "./install.ts";
import { linksInto } from "./links.ts";
import { conflistPath } from "./network.ts";
import { type CniFolders, placesOf, removeHalfMade, whileInstalling } from "./places.ts";

/** How plug-ins are uninstalled. */
export interface UninstallCniOptions extends CniFolders {
  readonly log: Logger;
  /** Where the runtime's network configurations are. Default: `/etc/cni/net.d`. */
  readonly confDir?: string;
  /** The network whose configuration goes too. Default: `kx`. */
  readonly network?: string;
  /** Where the runtime remembers attachments. Default: `/var/lib/cni`. */
  readonly cacheDir?: string;
  /** The daemon's socket, whose state goes too. Default: `/run/kx/cni.sock`. */
  readonly socketPath?: string;
  /**
   * What is done while containers are attached. `refuse`: nothing. `drain`: the plug-ins attach nothing any more, and go with
   * the last DEL. `detach`: the containers lose their network now. Default: `refuse`.
   */
  readonly whileAttached?: "refuse" | "drain" | "detach";
  /** Where the Node program comes from, if the installation has none and DEL must stay. Default: as `installCni`. */
  readonly sources?: Partial<InstallSources>;
}

/** What an uninstallation came to. */
export interface CniUninstalled {
  /** Whether everything is gone; else it goes with the last of what is attached. */
  readonly isRemoved: boolean;
  /** What is attached still. */
  readonly attached: readonly { readonly networkName: string; readonly containerId: string; readonly ifName: string }[];
}

/** As long as a call of a plug-in waits for another. */
const callsMs = 30_000;

/**
 * Takes away what `installCni` and the plug-ins have put on a node, but for leases and bridges. Doing it again is no error, and
 * goes on with one that was killed.
 *
 * @throws KxError `KX_CNI_IN_USE` that names what is attached.
 */
export async function uninstallCni(options: UninstallCniOptions): Promise<CniUninstalled> {
  const places = placesOf(options);
  if (!existsSync(places.prefix)) {
    await removeAll(drainingOf(options));
    return { isRemoved: true, attached: [] };
  }
  const uninstalled = await whileInstalling(places.prefix, () => uninstallAlone(drainingOf(options), options));
  if (!uninstalled.isRemoved && options.whileAttached === "detach") {
    await detach(drainingOf(options));
    return await uninstallCni({ ...options, whileAttached: "refuse" });
  }
  if (uninstalled.isRemoved) await removeIfEmpty(places.prefix);
  return uninstalled;
}

function drainingOf(options: UninstallCniOptions): Draining {
  const { confDir = "/etc/cni/net.d", cacheDir = "/var/lib/cni", socketPath = defaultSocketPath } = options;
  const { network = "kx" } = options;
  return { ...placesOf(options), conflist: conflistPath({ confDir, network }), cacheDir, socketPath, gone: [] };
}

async function uninstallAlone(draining: Draining, options: UninstallCniOptions): Promise<CniUninstalled> {
  const { whileAttached = "refuse" } = options;
  const gone = new Set((await readDraining(draining.prefix))?.gone);
  const remaining = async () => (await ownAttachments(draining.cacheDir)).filter((one) => !gone.has(nameOf(one)));
  const attached = await remaining();
  if (attached.length > 0 && whileAttached === "refuse") throw inUse(attached);

  await removeHalfMade(draining);
  // Without executables nothing can be attached, nor detached.
  if ((await linksInto(draining.binDir, draining.prefix)).length > 0) {
    await placePrograms(draining, options.sources);
    await writeDraining({ ...draining, gone: [...gone] });
    await callsUnderWay(draining.socketPath);
  }
  await carryOutKept(draining.socketPath, options.log);
  const left = await remaining();
  if (left.length === 0) await removeAll(draining);
  return {
    isRemoved: left.length === 0,
    attached: left.map(({ networkName, containerId, ifName }) => ({ networkName, containerId, ifName })),
  };
}

function inUse(attached: readonly OwnAttachment[]): KxError {
  const names = attached.map(({ containerId, ifName, networkName }) => `${ifName} of ${containerId} (${networkName})`);
  const count = `${names.length} ${names.length === 1 ? "attachment needs" : "attachments need"}`;
  const more = names.length > 10 ? ` and ${names.length - 10} more` : "";
  throw new KxError("KX_CNI_IN_USE", `${count} the plug-ins: ${names.slice(0, 10).join(", ")}${more}`, {
    remedy: "delete the pods first; or use --drain-later, which keeps DEL until they are gone",
    details: { attached: names },
  });
}

/** Calls that began before the plug-ins stopped attaching are waited for: what they attach is remembered then. */
async function callsUnderWay(socketPath: string): Promise<void> {
  const { locks } = stateFolder(socketPath);
  const waiter = { signal: new AbortController().signal, clock: systemClock, waitMs: callsMs };
  for (const name of await readdir(locks).catch(() => [])) {
    await withFileLock(join(locks, name), "call of a plug-in", waiter, async () => undefined);
  }
}

/** DELs that nobody has carried out have a promise to be kept. */
async function carryOutKept(socketPath: string, log: Logger): Promise<void> {
  const { signal } = new AbortController();
  const state = stateFolder(socketPath);
  const carrier = { plugins: createPlugins({ net: directNet() }), state, log, clock: systemClock };
  const queue = createDeleteQueue({
    folder: state.deletes,
    log,
    carryOut: async (request) => (await carryOut(carrier, { request, signal, deliver: async () => true })).error,
  });
  await queue.replay(signal);
}

/** Does what the runtime will not come to do, by the executables. */
async function detach({ binDir, cacheDir, socketPath }: Draining): Promise<void> {
  const runtime = createCniRuntime({ path: [binDir], cacheDir, env: { PATH: "", KX_CNI_SOCKET: socketPath } });
  for (const { config, containerId, ifName } of await ownAttachments(cacheDir)) {
    await runtime.del(await parseNetwork(config), { containerId, ifName });
  }
}
