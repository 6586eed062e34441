import { KxError } from "@kx/core";
import type { Attachment, CniCommand, JsonObject } from "@kx/core/contracts/cni";
import type { CniResult } from "../plugin/cni-plugin.ts";
import { given } from "../plugin/given.ts";
import { isNamespace } from "../plugin/netns.ts";
import { isAtLeast, readResult, writeResult } from "../plugin/results.ts";
import type { AttachmentTarget } from "./attachment.ts";
import type { AttachmentCache, CachedAttachment } from "./cache.ts";
import { configFor, type Invoker, invoke, invokeAdd, invokeVersion } from "./invoke.ts";
import type { Network } from "./network.ts";

/** One operation on a network's plug-ins. */
export interface Operation {
  readonly invoker: Invoker;
  readonly cache: AttachmentCache;
  readonly network: Network;
  readonly signal?: AbortSignal;
}

/** ADD in the order of the list, each plug-in with the result of the one before. The last result is remembered. */
export async function add(operation: Operation, target: AttachmentTarget): Promise<CniResult> {
  const { invoker, cache, network, signal } = operation;
  let prevResult: JsonObject | undefined;
  for (const plugin of network.plugins) {
    const config = configFor(network, plugin, { ...target, ...given({ prevResult }) });
    const invocation = { command: "ADD", type: plugin.type, config, target, ...given({ signal }) } as const;
    prevResult = await invokeAdd(invoker, invocation, network.cniVersion);
  }
  const result = prevResult ?? {};
  await cache.write(network, target, result);
  return await readResult(result, network.cniVersion);
}

/** CHECK of each plug-in with the final result. */
export async function check(operation: Operation, target: AttachmentTarget): Promise<void> {
  const { network } = operation;
  if (!isAtLeast(network.cniVersion, "0.4.0")) {
    throw new KxError("KX_CNI_VERSION", `network ${network.name} is of version ${network.cniVersion}, without CHECK`, {
      remedy: "set its cniVersion to 0.4.0 or newer",
    });
  }
  if (network.disableCheck) return;
  const known = await remembered(operation, target);
  for (const plugin of network.plugins) await call(operation, "CHECK", configFor(network, plugin, known), known);
}

/** DEL in reverse with the final result; what was remembered is forgotten only when all went well. */
export async function del(operation: Operation, target: AttachmentTarget): Promise<void> {
  const { cache, network } = operation;
  const { prevResult, ...known } = await remembered(operation, target);
  // Older plug-ins do not know it with DEL.
  const told = isAtLeast(network.cniVersion, "0.4.0") ? given({ prevResult }) : {};
  for (const plugin of network.plugins.toReversed()) {
    await call(operation, "DEL", configFor(network, plugin, { ...known, ...told }), known);
  }
  await cache.remove(network.name, target);
}

/** DEL of what is remembered and not in use, then GC of each plug-in; failures are collected. */
export async function gc(operation: Operation, valid: readonly Attachment[] | undefined): Promise<void> {
  const { cache, network } = operation;
  const failures: KxError[] = [];
  const tolerate = (work: Promise<void>) => work.catch((error: unknown) => void failures.push(KxError.from(error)));
  for (const attachment of await cache.list()) {
    if (attachment.networkName !== network.name || isInUse(attachment, valid)) continue;
    await tolerate(del(operation, attachment));
  }
  // The second key is that of an earlier draft, which some plug-ins read.
  const lists = valid === undefined ? {} : { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid };
  for (const plugin of isAtLeast(network.cniVersion, "1.1.0") ? network.plugins : []) {
    await tolerate(call(operation, "GC", { ...configFor(network, plugin, {}), ...lists }));
  }
  if (failures.length === 0) return;
  throw new KxError("KX_CNI_GC", failures.map(({ reason }) => reason).join("; "), {
    cause: new AggregateError(failures),
    details: { failures: failures.map(({ code, reason, details }) => ({ code, reason, ...details })) },
  });
}

/** STATUS of each plug-in, up to the first error. */
export async function status(operation: Operation): Promise<void> {
  const { network } = operation;
  if (!isAtLeast(network.cniVersion, "1.1.0")) return;
  for (const plugin of network.plugins) await call(operation, "STATUS", configFor(network, plugin, {}));
}

/** VERSION of each plug-in. Gives the capabilities that the network declares. */
export async function validate({ invoker, network, signal }: Operation): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const type of new Set(network.plugins.map((plugin) => plugin.type))) {
    try {
      const versions = await invokeVersion(invoker, type, signal);
      if (versions.includes(network.cniVersion)) continue;
      problems.push(`the plug-in ${type} knows ${versions.join(", ")}, not ${network.cniVersion}`);
    } catch (error) {
      problems.push(KxError.from(error).reason);
    }
  }
  if (problems.length > 0) throw new KxError("KX_CNI_CONFIG", `network ${network.name}: ${problems.join("; ")}`);
  const declared = network.plugins.flatMap(({ capabilities = {} }) => Object.entries(capabilities));
  return [...new Set(declared.flatMap(([capability, is]) => (is ? [capability] : [])))];
}

async function call(
  { invoker, signal }: Operation,
  command: CniCommand,
  config: JsonObject & { readonly type: string },
  target?: AttachmentTarget,
): Promise<void> {
  await invoke(invoker, { command, type: config.type, config, ...given({ target, signal }) });
}

/** The target with what its ADD was given and what came of it, as far as the caller says nothing else. */
async function remembered(
  { cache, network }: Operation,
  target: AttachmentTarget,
): Promise<AttachmentTarget & { readonly prevResult?: JsonObject }> {
  const cached = await cache.read(network.name, target);
  if (cached === undefined) return target;
  const { netns, args, capabilityArgs, result } = cached;
  const prevResult = result === undefined ? undefined : await inVersion(result, network);
  return { ...given({ netns, args, capabilityArgs }), ...target, ...given({ prevResult }) };
}

/** A result in the network's version, which may have changed since; undefined if it cannot be read. */
async function inVersion(result: JsonObject, { cniVersion }: Network): Promise<JsonObject | undefined> {
  if (result["cniVersion"] === cniVersion) return result;
  try {
    return { ...writeResult(await readResult(result, cniVersion), cniVersion) };
  } catch {
    return undefined;
  }
}

function isInUse({ containerId, ifName, netns }: CachedAttachment, valid: readonly Attachment[] | undefined): boolean {
  if (valid === undefined) return netns !== undefined && isNamespace(netns);
  return valid.some((one) => one.containerID === containerId && one.ifname === ifName);
}
