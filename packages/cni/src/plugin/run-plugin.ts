import { KxError } from "@kx/core";
import { type CniError, cniErrorCodes } from "@kx/core/contracts/cni";
import type { CniPlugin } from "./cni-plugin.ts";
import type { Environment } from "./environment.ts";
import { type CniOutcome, handleCniCall } from "./handle-call.ts";
import { createLateLogger } from "./late-logger.ts";
import { newestVersion } from "./results.ts";

/** The edge of the process, which tests replace. */
export interface RunCniOptions {
  /** Default: the process's variables. */
  readonly env?: Environment;
  /** Default: the process's standard input. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Default: the process's standard output. */
  readonly stdout?: { write(text: string): unknown };
  /** Log lines and what delegates say. Default: the process's standard error. */
  readonly stderr?: { write(text: string): unknown };
  /** Gives the call up. Default: aborts on SIGTERM, SIGINT and on errors that nobody caught. */
  readonly signal?: AbortSignal;
  /** Plug-ins that `ctx.delegate` calls in process, by type. Default: none; they are executed. */
  readonly plugins?: Readonly<Record<string, CniPlugin>>;
}

/**
 * Runs a plug-in as an executable: reads the variables and standard input, answers on standard output. Lines of the log go
 * to standard error; `KX_CNI_LOG` is their level, `warn` if not set.
 *
 * @returns the exit code, for the caller to set: `process.exitCode = await runCniPlugin(plugin)`.
 */
export async function runCniPlugin<Config>(plugin: CniPlugin<Config>, options: RunCniOptions = {}): Promise<0 | 1> {
  const { env = process.env, stdin = process.stdin, stdout = process.stdout, stderr = process.stderr } = options;
  using watch = options.signal === undefined ? watchProcess() : undefined;
  const log = createLateLogger(env["KX_CNI_LOG"], stderr);
  const { plugins = {}, signal = watch?.signal ?? AbortSignal.any([]) } = options;
  const call = handleCniCall(plugin, { env, stdin }, { log, signal, plugins });
  const outcome = await (watch === undefined ? call : Promise.race([call, watch.stuck]));
  await log.flush();
  if (outcome.stderr !== "") stderr.write(outcome.stderr);
  if (outcome.stdout !== "") stdout.write(outcome.stdout);
  return outcome.exitCode;
}

/** What may end a call early. */
export interface ProcessWatch extends Disposable {
  /** Aborts when the process is asked to end, or an error was caught by nobody. */
  readonly signal: AbortSignal;
  /** Resolves if nothing is left that a handler could wait for, and it still waits. */
  readonly stuck: Promise<Pick<CniOutcome, "exitCode" | "stdout" | "stderr">>;
}

/** Watches this process for what ends a call early. */
export function watchProcess(): ProcessWatch {
  const controller = new AbortController();
  const { promise: stuck, resolve } = Promise.withResolvers<Awaited<ProcessWatch["stuck"]>>();
  const onEnd = () => controller.abort();
  const onError = (error: unknown) => controller.abort(KxError.from(error));
  const onIdle = () => resolve({ exitCode: 1, stdout: `${JSON.stringify(stuckError)}\n`, stderr: "" });
  process.on("SIGTERM", onEnd).on("SIGINT", onEnd).on("uncaughtException", onError).on("beforeExit", onIdle);
  return {
    signal: controller.signal,
    stuck,
    [Symbol.dispose]() {
      process.off("SIGTERM", onEnd).off("SIGINT", onEnd).off("uncaughtException", onError).off("beforeExit", onIdle);
    },
  };
}

const stuckError: CniError = {
  cniVersion: newestVersion,
  code: cniErrorCodes.internal,
  msg: "the plug-in waits for something that cannot come any more",
};
