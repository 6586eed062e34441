import { readFile } from "node:fs/promises";
import { KxError } from "@kx/core";
import { packTar, type TarEntry } from "modern-tar";
import type { ImageFile } from "./image-spec.ts";

const epoch = new Date(0);

/** An entry of a layer with its place decided and its content not yet read. */
export interface LayerEntry {
  /** Path in the tar: relative, a folder's ends in a slash. */
  readonly name: string;
  readonly file: ImageFile;
}

function refuse(path: string, why: string): never {
  throw new KxError("KX_CLUSTER_IMAGE_SPEC", `image entry ${JSON.stringify(path)} ${why}`, { details: { path } });
}

function pathParts(path: string): string[] {
  if (!path.startsWith("/")) refuse(path, "is not an absolute path");
  const parts = path.replace(/\/$/, "").split("/").slice(1);
  if (path.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..")) {
    refuse(path, "has an empty, . or .. part or a NUL");
  }
  return parts;
}

function check(file: ImageFile): void {
  if (file.type === "symlink") {
    if (file.target === "" || file.target.includes("\0")) refuse(file.path, "links to an empty or impossible target");
  } else if (file.mode !== undefined && (!Number.isInteger(file.mode) || file.mode < 0 || file.mode > 0o7777)) {
    refuse(file.path, `has a mode that is no permission: ${file.mode}`);
  }
}

/**
 * Decides a layer's entries: sorted so that the same files in any order give the same layer and parents come first,
 * parents that are not listed added with mode 0755. Throws KX_CLUSTER_IMAGE_SPEC.
 */
export function planLayer(files: readonly ImageFile[]): LayerEntry[] {
  const byPath = new Map<string, ImageFile>();
  for (const file of files) {
    const path = pathParts(file.path).join("/");
    if (path === "") refuse(file.path, "is the root itself");
    if (byPath.has(path)) refuse(file.path, "is listed twice");
    check(file);
    byPath.set(path, file);
  }
  for (const path of byPath.keys()) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const parent = path.slice(0, slash);
      const given = byPath.get(parent);
      if (given === undefined) byPath.set(parent, { type: "dir", path: `/${parent}` });
      else if (given.type !== "dir") refuse(`/${path}`, `lies beneath /${parent}, which is a ${given.type}`);
    }
  }
  return [...byPath]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, file]) => ({ name: file.type === "dir" ? `${path}/` : path, file }));
}

async function content(file: ImageFile & { type: "file" }): Promise<Uint8Array> {
  if (typeof file.content === "string") return Buffer.from(file.content);
  if (file.content instanceof Uint8Array) return file.content;
  const { from } = file.content;
  try {
    return await readFile(from);
  } catch (cause) {
    throw new KxError("KX_CLUSTER_IMAGE_SOURCE", `cannot read ${from} for image entry ${file.path}`, {
      cause,
      details: { path: file.path, from },
    });
  }
}

async function tarEntry({ name, file }: LayerEntry): Promise<TarEntry> {
  const common = { name, mtime: epoch, uid: 0, gid: 0 };
  if (file.type === "dir") return { header: { ...common, type: "directory", mode: file.mode ?? 0o755, size: 0 } };
  if (file.type === "symlink") {
    return { header: { ...common, type: "symlink", mode: 0o777, size: 0, linkname: file.target } };
  }
  const body = await content(file);
  return { header: { ...common, type: "file", mode: file.mode ?? 0o644, size: body.length }, body };
}

/** Packs a planned layer as an uncompressed tar. Throws KX_CLUSTER_IMAGE_SOURCE. */
export async function packLayer(entries: readonly LayerEntry[]): Promise<Uint8Array> {
  const packed: TarEntry[] = [];
  for (const entry of entries) packed.push(await tarEntry(entry));
  return packTar(packed);
}
