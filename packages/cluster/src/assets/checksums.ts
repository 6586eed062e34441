import { readFile } from "node:fs/promises";
import type { ReleaseFile } from "./recipes.ts";

/** `assets.lock.json`: SHA-256 of each release file by its URL, by Kubernetes version and platform (`linux-amd64`). */
export type ChecksumTable = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/** Reads the committed table. */
export async function readChecksumTable(path: string): Promise<ChecksumTable> {
  const table: ChecksumTable = JSON.parse(await readFile(path, "utf8"));
  return table;
}

/** The sums of a recipe's files; undefined unless there are files and the table has every one of them. Pure. */
export function checksumsOf(
  table: ChecksumTable,
  version: string,
  platform: string,
  files: readonly ReleaseFile[],
): ReadonlyMap<string, string> | undefined {
  const rows = table[version]?.[platform] ?? {};
  const sums = new Map<string, string>();
  for (const { url } of files) {
    const sum = rows[url];
    if (sum === undefined || !/^[0-9a-f]{64}$/.test(sum)) return undefined;
    sums.set(url, sum);
  }
  return sums.size === 0 ? undefined : sums;
}

/**
 * The sum of one file in a published checksum file: a bare sum, or lines of sum and file name. Pure.
 * @returns undefined if it is not in there.
 */
export function parseChecksum(text: string, fileName: string): string | undefined {
  const lines = text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([sum]) => /^[0-9a-f]{64}$/i.test(sum ?? ""));
  const named = lines.find(([, name]) => name?.replace(/^[*]?(?:\.\/)?/, "") === fileName);
  const only = lines.length === 1 && lines[0]?.length === 1 ? lines[0] : undefined;
  return (named ?? only)?.[0]?.toLowerCase();
}
