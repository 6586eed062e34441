import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { KxError } from "@kx/core";
import { formatImageName, parseImageName } from "./image-name.ts";
import { type Descriptor, parseIndex, parseLayout, parseManifest, type RawDescriptor } from "./layout-documents.ts";
import { listTarFiles, type TarFile, TarProblem } from "./tar-entries.ts";

/** A blob of an archive, by its place in the file. */
export interface ArchiveBlob {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** First byte, from the start of the archive. */
  readonly offset: number;
}

/** An image of an archive: a name and what it leads to. */
export interface ArchiveImage {
  /** Full name: `docker.io/library/nginx:latest`. */
  readonly name: string;
  /** Its manifest, or an index of manifests for several platforms. */
  readonly manifest: Descriptor;
  /** Digests of every manifest that the name leads to, `manifest` among them, with their media types. */
  readonly manifests: ReadonlyMap<string, string>;
  /** Digests of every config and layer that the name leads to. */
  readonly blobs: ReadonlySet<string>;
}

/** An OCI image archive, read and checked; contents stay in the file. */
export interface ImageArchive {
  readonly path: string;
  readonly images: readonly ArchiveImage[];
  readonly blobs: ReadonlyMap<string, ArchiveBlob>;
  /**
   * Streams bytes `start` to `end` (inclusive) of a blob. Throws KX_CLUSTER_IMAGE_ARCHIVE_READ if the digest is not
   * here, or the file was changed since it was read.
   */
  openBlob(digest: string, range?: { readonly start: number; readonly end: number }): Promise<Readable>;
}

const maxDocument = 4 * 1024 * 1024;
const maxNesting = 4;
const blobName = /^blobs\/sha256\/([0-9a-f]{64})$/;

function broken(path: string, what: string, cause?: unknown): KxError {
  return new KxError("KX_CLUSTER_IMAGE_ARCHIVE", `${path}: ${what}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

function unreadable(path: string, what: string, cause?: unknown): KxError {
  return new KxError("KX_CLUSTER_IMAGE_ARCHIVE_READ", `${path}: ${what}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What tells one state of a file from another, so that offsets are never applied to other bytes. */
async function fileState(handle: FileHandle): Promise<{ size: number; id: string }> {
  const { dev, ino, size, mtimeNs } = await handle.stat({ bigint: true });
  return { size: Number(size), id: `${dev}:${ino}:${size}:${mtimeNs}` };
}

function checkedName(name: string): string {
  const plain = name.replace(/^(?:\.\/)+/, "");
  if (plain.startsWith("/") || plain.includes("\0") || plain.split("/").includes("..")) {
    throw new TarProblem(`entry ${JSON.stringify(name)} leads out of the archive`);
  }
  return plain;
}

async function digestOf(handle: FileHandle, { offset, size }: TarFile): Promise<string> {
  const hash = createHash("sha256");
  const chunk = Buffer.alloc(Math.min(size, 1 << 20));
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, size - at), offset + at);
    if (bytesRead === 0) throw new TarProblem("became shorter while it was read");
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return `sha256:${hash.digest("hex")}`;
}

/** One archive while it is read. */
interface Reading {
  readonly handle: FileHandle;
  readonly files: ReadonlyMap<string, TarFile>;
  readonly blobs: ReadonlyMap<string, ArchiveBlob>;
}

async function readDocument(reading: Reading, name: string): Promise<unknown> {
  const file = reading.files.get(name);
  if (file === undefined) {
    const docker = name === "oci-layout" && reading.files.has("manifest.json");
    throw new TarProblem(docker ? "is an archive of Docker's own format, not an OCI layout" : `has no entry ${name}`);
  }
  if (file.size > maxDocument) throw new TarProblem(`entry ${name} is larger than ${maxDocument} bytes`);
  const bytes = Buffer.alloc(file.size);
  await reading.handle.read(bytes, 0, file.size, file.offset);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new TarProblem(`entry ${name} is not JSON`, { cause });
  }
}

function requireBlob(reading: Reading, { digest, size }: Descriptor, owner: string): void {
  const blob = reading.blobs.get(digest);
  if (blob === undefined) throw new TarProblem(`has no blob ${digest}, which ${owner} names`);
  if (blob.size !== size) throw new TarProblem(`blob ${digest} has ${blob.size} bytes, not ${size} as ${owner} says`);
}

interface Reachable {
  readonly manifests: Map<string, string>;
  readonly blobs: Set<string>;
}

async function follow(
  reading: Reading,
  node: Descriptor,
  owner: string,
  found: Reachable,
  depth: number,
): Promise<void> {
  if (found.manifests.has(node.digest)) return;
  if (depth > maxNesting) throw new TarProblem(`nests indexes more than ${maxNesting} deep`);
  requireBlob(reading, node, owner);
  found.manifests.set(node.digest, node.mediaType);
  const name = `blobs/sha256/${node.digest.slice("sha256:".length)}`;
  const document = parseManifest(await readDocument(reading, name), name);
  if (document.kind === "index") {
    for (const child of document.manifests) {
      // Tools export one platform of many and leave the index as it was: the others are simply not here.
      if (reading.blobs.has(child.digest)) await follow(reading, child, name, found, depth + 1);
    }
    return;
  }
  for (const part of document.parts) {
    requireBlob(reading, part, name);
    found.blobs.add(part.digest);
  }
}

/** The name containerd would give: its own annotation, or OCI's if that is a full name and not a tag alone. */
function nameOf(entry: RawDescriptor): string | undefined {
  const name = entry.imageName ?? (entry.refName?.includes("/") === true ? entry.refName : undefined);
  return name === undefined ? undefined : formatImageName(parseImageName(name));
}

async function readImages(reading: Reading): Promise<ArchiveImage[]> {
  parseLayout(await readDocument(reading, "oci-layout"), "oci-layout");
  const images: ArchiveImage[] = [];
  for (const entry of parseIndex(await readDocument(reading, "index.json"), "index.json")) {
    const found: Reachable = { manifests: new Map(), blobs: new Set() };
    await follow(reading, entry, "index.json", found, 0);
    const name = nameOf(entry);
    if (name !== undefined) images.push({ name, manifest: entry, ...found });
  }
  if (images.length === 0) throw new TarProblem("index.json names no image");
  return images;
}

async function readFiles(handle: FileHandle, size: number): Promise<Map<string, TarFile>> {
  const files = new Map<string, TarFile>();
  for (const file of await listTarFiles(handle, size)) {
    const name = checkedName(file.name);
    if (files.has(name)) throw new TarProblem(`has the entry ${JSON.stringify(name)} twice`);
    files.set(name, file);
  }
  return files;
}

async function readBlobs(handle: FileHandle, files: ReadonlyMap<string, TarFile>): Promise<Map<string, ArchiveBlob>> {
  const blobs = new Map<string, ArchiveBlob>();
  for (const [name, file] of files) {
    const hex = blobName.exec(name)?.[1];
    if (hex === undefined) continue;
    const digest = `sha256:${hex}`;
    const actual = await digestOf(handle, file);
    if (actual !== digest) throw new TarProblem(`entry ${name} has the digest ${actual}`);
    blobs.set(digest, { digest, size: file.size, offset: file.offset });
  }
  return blobs;
}

/**
 * Reads and checks an OCI image archive: every digest and size, every reference, and names that stay inside. Layers are
 * hashed as a stream and never held in memory. Throws KX_CLUSTER_IMAGE_ARCHIVE and KX_CLUSTER_IMAGE_ARCHIVE_READ.
 */
export async function readArchive(path: string): Promise<ImageArchive> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw unreadable(path, "cannot be opened", cause);
  }
  try {
    const state = await fileState(handle);
    const files = await readFiles(handle, state.size);
    const blobs = await readBlobs(handle, files);
    const images = await readImages({ handle, files, blobs });
    return {
      path,
      images,
      blobs,
      openBlob: (digest, range) => openBlob(path, state.id, blobs.get(digest), range),
    };
  } catch (error) {
    if (error instanceof TarProblem) throw broken(path, error.message, error.cause);
    if (KxError.is(error)) throw broken(path, error.reason, error);
    throw unreadable(path, "cannot be read", error);
  } finally {
    await handle.close();
  }
}

async function openBlob(
  path: string,
  stateId: string,
  blob: ArchiveBlob | undefined,
  range: { readonly start: number; readonly end: number } | undefined,
): Promise<Readable> {
  if (blob === undefined) throw unreadable(path, "has no such blob");
  const { start, end } = range ?? { start: 0, end: blob.size - 1 };
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw unreadable(path, "cannot be opened", cause);
  }
  if ((await fileState(handle)).id !== stateId) {
    await handle.close();
    throw unreadable(path, "was changed since it was read");
  }
  return handle.createReadStream({ start: blob.offset + start, end: blob.offset + end, highWaterMark: 256 * 1024 });
}
