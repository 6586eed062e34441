import { type Clock, KxError } from "@kx/core";
import {
  type CniCommand,
  type CniVersion,
  type JsonObject,
  type ListedPlugin,
  versionResult,
} from "@kx/core/contracts/cni";
import { readPrinted } from "../plugin/call-plugin.ts";
import type { Environment } from "../plugin/environment.ts";
import { executePlugin, findPlugin } from "../plugin/executable.ts";
import { newestVersion, writeResult } from "../plugin/results.ts";
import type { AttachmentTarget } from "./attachment.ts";
import type { Network } from "./network.ts";

/** How plug-ins are called. */
export interface Invoker {
  readonly path: readonly string[];
  readonly env: Environment;
  readonly clock: Clock;
  /** How long one plug-in may take, in milliseconds. */
  readonly timeoutMs?: number;
  readonly onStderr?: (text: string, type: string) => void;
}

/** One call of one plug-in. */
export interface Invocation {
  readonly command: CniCommand;
  readonly type: string;
  readonly config: JsonObject;
  readonly target?: AttachmentTarget;
  readonly signal?: AbortSignal;
}

/**
 * Calls a plug-in.
 *
 * @returns what it printed.
 * @throws KxError with the plug-in's own code and text, and its type and the command before it.
 */
export async function invoke(invoker: Invoker, { command, type, config, target, signal }: Invocation): Promise<string> {
  const { path, clock, timeoutMs, onStderr } = invoker;
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  try {
    return await executePlugin({
      type,
      file: findPlugin(type, path),
      env: { ...invoker.env, ...variablesOf(command, path, target) },
      stdin: JSON.stringify(config),
      signal: AbortSignal.any([deadline, signal].filter((one) => one !== undefined)),
      clock,
      ownGroup: true,
      ...(onStderr === undefined ? {} : { onStderr: (text) => onStderr(text, type) }),
    });
  } catch (error) {
    throw describe(KxError.from(error), command, type, deadline?.aborted === true ? timeoutMs : undefined);
  }
}

/** ADD: the result in the configuration's version, as later plug-ins and the cache want it. */
export async function invokeAdd(invoker: Invoker, call: Invocation, version: CniVersion): Promise<JsonObject> {
  const stdout = await invoke(invoker, call);
  const read = await readPrinted(stdout, call.type, call.config);
  const printed = JSON.parse(stdout) as JsonObject;
  // As it was printed if that will do, with fields that only the next plug-in knows.
  return printed["cniVersion"] === version ? printed : { ...writeResult(read, version) };
}

/** VERSION: the versions that a plug-in supports. */
export async function invokeVersion(invoker: Invoker, type: string, signal?: AbortSignal): Promise<readonly string[]> {
  const config = { cniVersion: newestVersion };
  // Old plug-ins want to see these.
  const target = { containerId: "dummy", ifName: "dummy", netns: "dummy" };
  const call: Invocation = { command: "VERSION", type, config, target, ...(signal === undefined ? {} : { signal }) };
  let printed: unknown;
  try {
    printed = JSON.parse(await invoke(invoker, call));
  } catch (error) {
    if (KxError.is(error) && error.reason.endsWith("unknown CNI_COMMAND: VERSION")) return ["0.1.0"];
    if (KxError.is(error)) throw error;
  }
  const checked = await versionResult["~standard"].validate(printed);
  if (checked.issues === undefined) return checked.value.supportedVersions;
  throw new KxError("KX_CNI_RESULT", `the plug-in ${type} did not tell its versions`);
}

/** What a plug-in of a network reads: its own fields, what the list says for all, and what belongs to this call. */
export function configFor(
  { name, cniVersion }: Network,
  plugin: ListedPlugin,
  { capabilityArgs = {}, prevResult }: { readonly capabilityArgs?: JsonObject; readonly prevResult?: JsonObject },
): JsonObject & { readonly type: string } {
  const declared = Object.entries(plugin.capabilities ?? {}).filter(
    ([key, is]) => is && Object.hasOwn(capabilityArgs, key),
  );
  const runtimeConfig = Object.fromEntries(declared.map(([key]) => [key, capabilityArgs[key]]));
  return {
    ...plugin,
    name,
    cniVersion,
    ...(declared.length === 0 ? {} : { runtimeConfig }),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}

function variablesOf(command: CniCommand, path: readonly string[], target: AttachmentTarget | undefined): Environment {
  const args = Object.entries(target?.args ?? {}).map(([key, value]) => `${key}=${value}`);
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: target?.containerId ?? "",
    CNI_NETNS: target?.netns ?? "",
    CNI_IFNAME: target?.ifName ?? "",
    CNI_ARGS: args.join(";"),
    CNI_PATH: path.join(":"),
  };
}

function describe(error: KxError, command: CniCommand, type: string, timeoutMs: number | undefined): KxError {
  const failed =
    error.code === "KX_CNI_PLUGIN_MISSING" ? error.reason : `plug-in ${type} failed ${command}: ${error.reason}`;
  const reason =
    timeoutMs === undefined ? failed : `plug-in ${type} did not end ${command} within ${timeoutMs} ms and was killed`;
  const { cniDetails } = error.details;
  const said = typeof cniDetails === "string" && cniDetails !== "" ? `${reason}; ${cniDetails}` : reason;
  return new KxError(error.code, said, {
    cause: error,
    retryable: error.retryable,
    details: { ...error.details, plugin: type, command },
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
  });
}
