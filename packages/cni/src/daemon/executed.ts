import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { type Logger, systemClock } from "@kx/core";
import { drainingRefusal, noteDelete, readDraining, removeEmptyState } from "../install/draining.ts";
import { directNet } from "../net/net-calls.ts";
import type { Environment } from "../plugin/environment.ts";
import { createLateLogger } from "../plugin/late-logger.ts";
import { watchProcess } from "../plugin/run-plugin.ts";
import { createPlugins } from "../plugins.ts";
import { carryOut } from "./carry-out.ts";
import { defaultSocketPath, stateFolder } from "./state-folder.ts";

/** One byte more than a plug-in takes, so that it is the plug-in that refuses it. */
const maxInputBytes = 8 * 1024 * 1024 + 1;

/** The edge of the process, which tests replace. */
export interface ExecutedIo {
  readonly env: Environment;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/**
 * Carries out this process's call without the daemon, but with its locks, so that both can be used at the same time. If what is
 * installed below the prefix is to go with the last attachment, it attaches nothing, and does that.
 *
 * @param type - which plug-in it is.
 * @param folder - that of the installation.
 * @returns the exit code.
 */
export async function runExecutedPlugin(type: string, folder: string, io: ExecutedIo = process): Promise<number> {
  const { env, stdout, stderr } = io;
  using watch = watchProcess();
  const log = createLateLogger(env["KX_CNI_LOG"], stderr);
  const state = stateFolder(env["KX_CNI_SOCKET"] ?? defaultSocketPath);
  const stdin = env["CNI_COMMAND"] === "VERSION" ? "" : await readText(io.stdin);
  const prefix = dirname(folder);
  const draining = await readDraining(prefix);
  // It may have been removed since this process was started.
  const isKept = draining === undefined && existsSync(folder);
  const refusal = isKept ? {} : { refusal: drainingRefusal };
  const call = carryOut(
    { plugins: createPlugins({ net: directNet() }), state, log, clock: systemClock, ...refusal },
    { request: { type, env, stdin }, signal: watch.signal, deliver: async () => !watch.signal.aborted },
  );
  const outcome = await Promise.race([call, watch.stuck]);
  if (draining !== undefined && outcome.exitCode === 0) await note(prefix, type, env, log);
  if (!isKept && !existsSync(folder)) await removeEmptyState(env["KX_CNI_SOCKET"] ?? defaultSocketPath);
  await log.flush();
  if (outcome.stderr !== "") stderr.write(outcome.stderr);
  if (outcome.stdout !== "") stdout.write(outcome.stdout);
  return outcome.exitCode;
}

async function note(prefix: string, type: string, env: Environment, log: Logger): Promise<void> {
  const { CNI_COMMAND: command, CNI_CONTAINERID: containerId = "", CNI_IFNAME: ifName = "" } = env;
  if (command !== "DEL") return;
  // The DEL has been done; the next one, or another uninstallation, tries again.
  await noteDelete(prefix, { type, containerId, ifName }).catch((error: unknown) => {
    log.error({ err: error }, "the plug-ins are not uninstalled");
  });
}

async function readText(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= maxInputBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}
