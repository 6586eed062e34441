import {
  type AttachmentTarget,
  type CniRuntime,
  createCniRuntime,
  loadNetwork,
  loadNetworks,
  type Network,
} from "@kx/cni/runtime";
import { KxError } from "@kx/core";
import type { AttachmentFlags, CniActions, CniFlags, GcFlags, NetworkFlags } from "../cni/flags.ts";
import type { CniNodeActions } from "../cni/node-flags.ts";
import { resultTable } from "../cni/result-table.ts";
import { binDirs, confDir, runtimeOptions, targetOf, validOf } from "../cni/settings.ts";
import { format } from "../output.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/** What `kx cni` does by the runtime's side of CNI. */
export function cniActions(
  terminal: Terminal,
  signal: AbortSignal,
): Omit<CniActions, "conformance" | keyof CniNodeActions> {
  const { env } = terminal;
  const runtimeOf = (flags: NetworkFlags): CniRuntime =>
    createCniRuntime({ ...runtimeOptions(flags, env), onStderr: (text) => void terminal.stderr.write(text) });
  const say = (flags: CniFlags, value: unknown, text: string): number => {
    terminal.stdout.write(`${flags.output === undefined ? text : format(value, flags.output)}\n`);
    return 0;
  };
  const start = async (name: string, flags: NetworkFlags) => ({
    runtime: runtimeOf(flags),
    network: await loadNetwork(confDir(flags, env), name),
  });
  const attached = async (name: string, netns: string, flags: AttachmentFlags) => {
    const target = targetOf(netns, flags, env);
    const { containerId, ifName } = target;
    const told = { network: name, containerId, ifName, netns: target.netns };
    return { ...(await start(name, flags)), target, told, words: `${ifName} of ${containerId}` };
  };

  return {
    async add(name, netns, flags) {
      const { runtime, network, target } = await attached(name, netns, flags);
      const result = await runtime.add(network, target, { signal }).catch((error: unknown) => {
        throw halfAdded(KxError.from(error), name, netns);
      });
      return say(flags, result, resultTable(result));
    },
    async check(name, netns, flags) {
      const { runtime, network, target, told, words } = await attached(name, netns, flags);
      await runtime.check(network, target, { signal }).catch(async (error: unknown) => {
        throw (await isRemembered(runtime, name, target)) ? error : neverAdded(error, words, name, netns);
      });
      const how = network.disableCheck ? "is not checked: the network has disableCheck" : "is as `add` left it";
      return say(flags, { ...told, checked: !network.disableCheck }, `${words} ${how}`);
    },
    async del(name, netns, flags) {
      const { runtime, network, target, told, words } = await attached(name, netns, flags);
      await runtime.del(network, target, { signal });
      return say(flags, told, `${words} is deleted`);
    },
    async gc(name, flags: GcFlags) {
      const valid = validOf(flags);
      const { runtime, network } = await start(name, flags);
      await runtime.gc(network, valid, { signal });
      const how = network.disableGC
        ? "nothing was done: the network has disableGC"
        : "what is not in use is taken away";
      return say(flags, { network: name, collected: !network.disableGC }, `${name}: ${how}`);
    },
    async status(name, flags) {
      const { runtime, network } = await start(name, flags);
      await runtime.status(network, { signal });
      const isAsked = network.cniVersion === "1.1.0";
      const how = isAsked
        ? "ready"
        : `not asked: STATUS exists since 1.1.0, and the network is of ${network.cniVersion}`;
      return say(flags, { network: name, ready: true, asked: isAsked }, `${name}: ${how}`);
    },
    async version(types, flags) {
      const runtime = runtimeOf(flags);
      const found = await Promise.all(
        types.map(async (type) => ({ type, supportedVersions: await runtime.version(type, { signal }) })),
      );
      const rows = found.map(({ type, supportedVersions }) => [type, supportedVersions.join(", ")]);
      return say(flags, found, table(["plugin", "versions"], rows));
    },
    async validate(names, flags) {
      const folder = confDir(flags, env);
      const found = await validate(folder, names, runtimeOf(flags), signal);
      if (found.length === 0) {
        throw new KxError("KX_CNI_NETWORK_MISSING", `there is no network in ${folder}`, {
          remedy: "name another folder with --conf-dir or NETCONFPATH",
        });
      }
      const rows = found.map((one) => [
        one.network ?? "<unknown>",
        one.version ?? "",
        one.plugins.join(","),
        one.problem ?? "ok",
      ]);
      say(flags, found, table(["network", "version", "plugins", "result"], rows));
      if (flags.output === undefined && found.some(({ problem }) => problem !== undefined)) {
        terminal.stderr.write(`plug-ins were looked for in ${binDirs(flags, env).join(":")}\n`);
      }
      return found.every(({ problem }) => problem === undefined) ? 0 : 1;
    },
  };
}

interface Validated {
  readonly file?: string;
  readonly network?: string;
  readonly version?: string;
  readonly plugins: readonly string[];
  readonly capabilities?: readonly string[];
  readonly problem?: string;
}

async function validate(
  folder: string,
  names: readonly string[],
  runtime: CniRuntime,
  signal: AbortSignal,
): Promise<readonly Validated[]> {
  const one = async (network: Network, file?: string): Promise<Validated> => {
    const plugins = network.plugins.map(({ type }) => type);
    const about = {
      ...(file === undefined ? {} : { file }),
      network: network.name,
      version: network.cniVersion,
      plugins,
    };
    try {
      return { ...about, capabilities: await runtime.validate(network, { signal }) };
    } catch (error) {
      return { ...about, problem: KxError.from(error).reason };
    }
  };
  if (names.length > 0) return await Promise.all(names.map(async (name) => one(await loadNetwork(folder, name))));
  const files = await loadNetworks(folder);
  return await Promise.all(
    files.map(async ({ path, network, error }) => {
      if (network !== undefined) return await one(network, path);
      return { file: path, plugins: [], problem: error?.reason ?? "cannot be read" };
    }),
  );
}

async function isRemembered(runtime: CniRuntime, network: string, target: AttachmentTarget): Promise<boolean> {
  const { containerId, ifName } = target;
  const known = await runtime.attachments();
  return known.some((one) => one.networkName === network && one.containerId === containerId && one.ifName === ifName);
}

/** Plug-ins say little if what they are to check was never added. */
function neverAdded(cause: unknown, words: string, network: string, netns: string): KxError {
  const { reason } = KxError.from(cause);
  return new KxError("KX_CLI_CNI", `no result of an ADD of ${words} is remembered, and without it: ${reason}`, {
    cause,
    remedy: `add it first: kx cni add ${network} ${netns}; or name with --cache-dir where its runtime keeps results`,
  });
}

/** The runtime's side does not take back a failed ADD: that is for its caller. */
function halfAdded(error: KxError, network: string, netns: string): KxError {
  const takeBack = `take back what was done before that: kx cni del ${network} ${netns}`;
  return new KxError(error.code, error.reason, {
    cause: error,
    retryable: error.retryable,
    details: error.details,
    remedy: error.remedy === undefined ? takeBack : `${error.remedy}; then ${takeBack}`,
  });
}
