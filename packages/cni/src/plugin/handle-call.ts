import { type Clock, KxError, type Logger, systemClock } from "@kx/core";
import type { CniVersion } from "@kx/core/contracts/cni";
import { callPlugin, type PhaseTiming } from "./call-plugin.ts";
import type { CniPlugin } from "./cni-plugin.ts";
import { type DecodedConfigs, parseInput, versionOf } from "./config.ts";
import { type Environment, readCommand, readEnvironment } from "./environment.ts";
import { toCniError } from "./failure.ts";
import { newestVersion, writeResult } from "./results.ts";

const defaultMaxInputBytes = 8 * 1024 * 1024;

/** One call as a runtime makes it. */
export interface CniCall {
  readonly env: Environment;
  /** Read only if the command needs it. */
  readonly stdin: string | AsyncIterable<Uint8Array>;
}

/** What a host lends to calls. */
export interface CniServices {
  readonly log: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Gives the call up: handlers are told, delegates killed, what an ADD made is taken back. Default: never. */
  readonly signal?: AbortSignal;
  /** When the runtime stops waiting, in milliseconds since the epoch. Default: never. */
  readonly deadline?: number;
  /** Plug-ins that `ctx.delegate` calls in process, by type. Default: none; they are executed. */
  readonly plugins?: Readonly<Record<string, CniPlugin>>;
  /** Keeps decoded configurations between calls. Default: each call decodes its own. */
  readonly configs?: DecodedConfigs;
  /** How large a configuration may be. Default: 8 MiB. */
  readonly maxInputBytes?: number;
}

/** What a call came to. */
export interface CniOutcome {
  readonly exitCode: 0 | 1;
  /** A result, an error object, or nothing. */
  readonly stdout: string;
  /** What executed delegates wrote there. */
  readonly stderr: string;
  /** In the order in which they ended. */
  readonly timings: readonly PhaseTiming[];
  /** What the error object was made of. */
  readonly error?: KxError;
}

/** Handles one call of a plug-in, from variables and standard input to exit code and standard output. Never throws. */
export async function handleCniCall<Config>(
  plugin: CniPlugin<Config>,
  { env, stdin }: CniCall,
  services: CniServices,
): Promise<CniOutcome> {
  const timings: PhaseTiming[] = [];
  let stderr = "";
  let version: CniVersion = newestVersion;
  const log = services.log.child(callFields(plugin, env));
  const started = performance.now();
  const outcome = (fields: Pick<CniOutcome, "exitCode" | "stdout" | "error">): CniOutcome => {
    timings.push({ phase: "call", ms: performance.now() - started });
    log.debug({ exitCode: fields.exitCode, timings }, "call handled");
    return { stderr, timings, ...fields };
  };
  try {
    if (readCommand(env) === "VERSION") return outcome({ exitCode: 0, stdout: versionText(plugin) });
    const variables = readEnvironment(env);
    const raw = await parseInput(stdin, services.maxInputBytes ?? defaultMaxInputBytes);
    version = versionOf(raw, plugin) ?? newestVersion;
    const result = await callPlugin(plugin, variables, raw, {
      log,
      clock: services.clock ?? systemClock,
      signal: services.signal ?? new AbortController().signal,
      ...(services.deadline === undefined ? {} : { deadline: services.deadline }),
      plugins: services.plugins ?? {},
      timings,
      configs: services.configs,
      onStderr: (text) => {
        stderr += text;
      },
    });
    return outcome({ exitCode: 0, stdout: result === undefined ? "" : line(writeResult(result, version)) });
  } catch (thrown) {
    const error = KxError.from(thrown);
    // The stack is for the log alone: standard output belongs to the protocol.
    if (error.code === "KX_CORE_UNEXPECTED") log.error({ err: thrown }, "unforeseen failure");
    return outcome({ exitCode: 1, stdout: line(toCniError(error, version)), error });
  }
}

function versionText({ supportedVersions }: CniPlugin): string {
  return line({ cniVersion: supportedVersions.at(-1) ?? newestVersion, supportedVersions });
}

/** What every line of a call's log tells. */
function callFields(plugin: CniPlugin, env: Environment): Record<string, string> {
  const fields = { type: plugin.name, ...pick(env, names) };
  const trace = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/.exec(env["TRACEPARENT"] ?? "");
  return trace === null ? fields : { ...fields, traceId: trace[1] ?? "", spanId: trace[2] ?? "" };
}

const names = { command: "CNI_COMMAND", containerId: "CNI_CONTAINERID", ifName: "CNI_IFNAME" };

function pick(env: Environment, wanted: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted).flatMap(([field, name]) => (env[name] ? [[field, env[name].slice(0, 256)]] : [])),
  );
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
