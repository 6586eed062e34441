import { lstat, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** How a file came here. */
export type Origin = "build" | "download" | "system";

/** What is known of one file of a set. */
export interface FileRecord {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly origin: Origin;
  /** The URL, the Go toolchain's version or the system's path it came from. */
  readonly from: string;
}

/** `manifest.json` beside the files it describes. Written last, so a folder without one is not finished. */
export interface Manifest {
  readonly kx: 1;
  /** Kubernetes version, without `v`. */
  readonly version: string;
  /** By path relative to the manifest's folder. */
  readonly files: Readonly<Record<string, FileRecord>>;
  /** Links: path to target, relative to the link's folder. */
  readonly links: Readonly<Record<string, string>>;
}

export const manifestName = "manifest.json";

/** Reads a folder's manifest; undefined if there is none or it is not one of ours. */
export async function readManifest(dir: string): Promise<Manifest | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(dir, manifestName), "utf8"));
    return isManifest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether every file is there with its size and every link points where it should; contents are not read. */
export async function isComplete(dir: string, manifest: Manifest): Promise<boolean> {
  const files = Object.entries(manifest.files).map(async ([path, record]) => {
    const found = await lstat(join(dir, path));
    return found.isFile() && found.size === record.size;
  });
  const links = Object.entries(manifest.links).map(
    async ([path, target]) => (await readlink(join(dir, path))) === target,
  );
  const results = await Promise.allSettled([...files, ...links]);
  return results.every((result) => result.status === "fulfilled" && result.value);
}

function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value) || value["kx"] !== 1 || typeof value["version"] !== "string") return false;
  const { files, links } = value;
  return (
    isRecord(files) &&
    Object.entries(files).every(
      ([path, file]) =>
        isRelative(path) && isRecord(file) && typeof file["sha256"] === "string" && typeof file["size"] === "number",
    ) &&
    isRecord(links) &&
    Object.entries(links).every(
      ([path, target]) => isRelative(path) && typeof target === "string" && isRelative(target),
    )
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Nothing in a manifest may name a file outside its folder. */
function isRelative(path: string): boolean {
  return !path.startsWith("/") && !path.split("/").includes("..");
}
