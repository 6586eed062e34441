import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KxError } from "@kx/core";
import type { Owner } from "../net/owner.ts";

/** What an interface was set to before; what was not changed is absent. */
export interface LinkValues {
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly txQLen?: number;
  readonly allmulti?: boolean;
}

/** The file of an attachment: the Go plug-in's fields, which it could restore too, and ours. */
export interface Backup extends LinkValues {
  /** Settings of the kernel by their paths below /proc/sys. */
  readonly sysctl?: Readonly<Record<string, string>>;
  /** Whose it is. The Go plug-in does not tell. */
  readonly mark?: string;
}

const [folderMode, fileMode] = [0o700, 0o600];

export function backupPath(dataDir: string, { containerId, ifName }: Owner): string {
  return join(dataDir, `${containerId}_${ifName}.json`);
}

/** What was kept; undefined if there is nothing, or nothing that can be read. */
export function readBackup(path: string): Backup | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failed(`${path} cannot be read`, error);
  }
}

/** Keeps it: whole, or not at all. */
export function writeBackup(dataDir: string, path: string, backup: Backup): void {
  const making = `${path}.new`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: folderMode });
    writeFileSync(making, JSON.stringify(backup, undefined, 1), { mode: fileMode });
    renameSync(making, path);
  } catch (cause) {
    rmSync(making, { force: true });
    throw failed(`${path} cannot be written`, cause);
  }
}

export function removeBackup(path: string): void {
  rmSync(path, { force: true });
}

/** Removes those of a folder whose marks are meant. Gives how many. */
export function removeBackups(dataDir: string, isMeant: (mark: string | undefined) => boolean): number {
  const stale = namesOf(dataDir)
    .filter((name) => name.endsWith(".json"))
    .map((name) => join(dataDir, name))
    .filter((path) => isMeant(readBackup(path)?.mark));
  for (const path of stale) removeBackup(path);
  return stale.length;
}

function namesOf(dataDir: string): readonly string[] {
  try {
    return readdirSync(dataDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw failed(`${dataDir} cannot be read`, error);
  }
}

function failed(what: string, cause: unknown): KxError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new KxError("KX_CNI_IO", `the backup ${what}: ${code}`, { cause, details: { errno: code } });
}
