import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { clusterStatus } from "@kx/cluster";
import { KxError } from "@kx/core";
import { clusterDir } from "../cluster-dir.ts";
import type { Terminal } from "../terminal.ts";

/** Runs the cluster's kubectl in the foreground. Resolves to its exit code. */
export async function kubectl(args: readonly string[], { env }: Terminal): Promise<number> {
  const dir = clusterDir(undefined, env);
  const status = await clusterStatus(dir);
  if (status?.phase !== "up" || status.kubectl === undefined) {
    throw new KxError("KX_CLUSTER_NOT_RUNNING", `no cluster is up in ${dir}`, {
      remedy: "start one with `kx up`, or name its folder in KX_DIR",
    });
  }
  const child = spawn(status.kubectl, args, { stdio: "inherit", env: { ...env, KUBECONFIG: status.kubeconfig } });
  // A Ctrl-C reaches kubectl by itself, and it decides what to do; other signals are passed on.
  const ignore = (): void => {};
  const pass = (name: NodeJS.Signals): void => void child.kill(name);
  process.on("SIGINT", ignore).on("SIGTERM", pass).on("SIGHUP", pass);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  process.off("SIGINT", ignore).off("SIGTERM", pass).off("SIGHUP", pass);
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
