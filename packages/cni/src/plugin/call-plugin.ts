import { type Clock, KxError, type Logger } from "@kx/core";
import { type CniVersion, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import type { CniContext, CniPlugin, CniResult } from "./cni-plugin.ts";
import { type DecodedConfig, type DecodedConfigs, decodeConfig } from "./config.ts";
import { dispatch } from "./dispatch.ts";
import type { CallVariables } from "./environment.ts";
import { executePlugin, findPlugin } from "./executable.ts";
import { cancelled } from "./failure.ts";
import { newestVersion, readResult } from "./results.ts";
import { createUndoStack, type UndoStack } from "./undo.ts";

const undoTimeoutMs = 20_000;
/** Plug-ins for addresses call nobody, and those that call them are called by one more at most. */
const mostCallers = 8;

/** How long a part of a call took. */
export interface PhaseTiming {
  readonly phase: string;
  readonly ms: number;
}

/** What a call works with. Delegates in process get the same. */
export interface CallScope {
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadline?: number;
  /** Plug-ins that `ctx.delegate` finds in process, by type. */
  readonly plugins: Readonly<Record<string, CniPlugin>>;
  readonly timings: PhaseTiming[];
  /** Default: each call decodes its configuration. */
  readonly configs?: DecodedConfigs | undefined;
  /** Types of the plug-ins that delegated to each other down to this call. Default: none. */
  readonly callers?: readonly string[];
  /** Gets what executed delegates wrote to standard error. */
  readonly onStderr: (text: string) => void;
}

/**
 * One call of a plug-in: forward through decoding and handler; on failure, back through what was made.
 *
 * @returns the result of ADD.
 */
export async function callPlugin<Config>(
  plugin: CniPlugin<Config>,
  variables: CallVariables,
  raw: JsonObject,
  scope: CallScope,
): Promise<CniResult | undefined> {
  const callers = [...(scope.callers ?? []), plugin.name];
  if (callers.length > mostCallers) {
    throw new KxError("KX_CNI_CONFIG", `plug-ins call each other without end: ${callers.join(", ")}`, {
      remedy: "name a plug-in that manages addresses as ipam.type",
    });
  }
  const decoded = await (scope.configs?.decode(raw, plugin) ?? decodeConfig(raw, plugin));
  const undo = createUndoStack();
  try {
    const ctx = createContext(variables, decoded, undo, { ...scope, callers });
    const result = await dispatch(plugin, variables, decoded, ctx);
    // Nobody will read the result, or call DEL for it.
    if (variables.command === "ADD" && scope.signal.aborted) throw cancelled(scope.signal);
    // A delegate's becomes a part of its caller's, which is looked at.
    const isLookedAt = variables.command === "ADD" && scope.callers === undefined;
    return isLookedAt ? await readResult(result, newestVersion) : result;
  } catch (error) {
    const failures = await undo.run();
    throw withLeftovers(scope.signal.aborted ? cancelled(scope.signal) : KxError.from(error), failures);
  }
}

function createContext(
  variables: CallVariables,
  { raw }: DecodedConfig<unknown>,
  undo: UndoStack,
  scope: CallScope,
): CniContext {
  const { log, clock, signal, deadline } = scope;
  const phase = <T>(name: string, work: () => T | Promise<T>) => timed(scope.timings, name, work);
  return {
    log,
    clock,
    signal,
    ...(deadline === undefined ? {} : { deadline }),
    phase,
    undo: undo.push,
    async delegate(type, config = raw) {
      const takeBack = async () => {
        // The call may fail because its signal aborted; taking back goes on all the same.
        const ending = { ...scope, signal: AbortSignal.timeout(undoTimeoutMs) };
        await callDelegate(type, withCommand(variables, "DEL"), config, ending);
      };
      const onDone = variables.command === "ADD" ? () => undo.push(takeBack) : undefined;
      return (await phase(`delegate ${type}`, () => callDelegate(type, variables, config, scope, onDone))) ?? {};
    },
  };
}

/** @param onDone - called when it has succeeded, although what it printed may be unreadable. */
async function callDelegate(
  type: string,
  variables: CallVariables,
  config: JsonObject,
  scope: CallScope,
  onDone?: () => void,
): Promise<CniResult | undefined> {
  const inProcess = Object.hasOwn(scope.plugins, type) ? scope.plugins[type] : undefined;
  if (inProcess !== undefined) {
    const result = await callPlugin(inProcess, variables, config, scope);
    onDone?.();
    return result;
  }
  const { signal, clock, onStderr } = scope;
  const file = findPlugin(type, variables.path);
  const stdin = JSON.stringify(config);
  const stdout = await executePlugin({ type, file, env: variables.env, stdin, signal, clock, onStderr });
  onDone?.();
  return variables.command === "ADD" ? await readPrinted(stdout, type, config) : undefined;
}

/** Reads what ADD of an executed plug-in printed. */
export async function readPrinted(stdout: string, type: string, config: JsonObject): Promise<CniResult> {
  const configured = cniVersions.find((version) => version === config["cniVersion"]);
  const assumed: CniVersion = configured ?? "0.1.0";
  try {
    return await readResult(JSON.parse(stdout), assumed);
  } catch (error) {
    const reason = KxError.is(error) ? error.reason : "it is no JSON";
    throw new KxError("KX_CNI_RESULT", `what the plug-in ${type} printed is no result: ${reason}`, { cause: error });
  }
}

async function timed<T>(timings: PhaseTiming[], phase: string, work: () => T | Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    timings.push({ phase, ms: performance.now() - started });
  }
}

function withCommand(variables: CallVariables, command: CallVariables["command"]): CallVariables {
  return { ...variables, command, env: { ...variables.env, CNI_COMMAND: command } };
}

/** The error, telling also what could not be taken back. */
function withLeftovers(error: KxError, failures: readonly KxError[]): KxError {
  if (failures.length === 0) return error;
  const left = failures.map((failure) => failure.reason).join("; ");
  return new KxError(error.code, `${error.reason}; taking back failed too: ${left}`, {
    cause: error,
    retryable: error.retryable,
    details: error.details,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
  });
}
