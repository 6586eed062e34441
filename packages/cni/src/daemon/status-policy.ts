import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CniOutcome } from "../plugin/handle-call.ts";
import type { CniRequest } from "./frame.ts";

/**
 * What STATUS comes to. A runtime such as containerd takes any failure for a node that is not ready, whose pods are then
 * evicted. With `"statusPolicy": "ready-once"` in its configuration a plug-in therefore fails only until it has succeeded
 * once since the boot; what it finds later is for log and metrics.
 */
export function easedStatus(
  { type, stdin }: CniRequest,
  outcome: CniOutcome,
  readyFolder: string,
): CniOutcome & { readonly isEased?: true } {
  if (!isReadyOnce(stdin)) return outcome;
  const marker = join(readyFolder, type);
  const wasReady = existsSync(marker);
  if (outcome.exitCode !== 0) return wasReady ? { ...outcome, exitCode: 0, stdout: "", isEased: true } : outcome;
  if (!wasReady) mark(readyFolder, marker);
  return outcome;
}

function mark(folder: string, marker: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(marker, "", { mode: 0o600 });
}

function isReadyOnce(stdin: string): boolean {
  try {
    const config: { readonly statusPolicy?: unknown } | null = JSON.parse(stdin);
    return config?.statusPolicy === "ready-once";
  } catch {
    return false;
  }
}
