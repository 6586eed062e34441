import { createHash, randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { KxError } from "@kx/core";
import { packTar } from "modern-tar";
import { formatImageName, parseImageName } from "./image-name.ts";
import type { ImageConfig, ImagePlatform, ImageSpec } from "./image-spec.ts";
import { packLayer, planLayer } from "./layer.ts";
import { imageNameAnnotation, mediaTypes, refNameAnnotation } from "./media-types.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

interface Blob {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

function blob(bytes: Uint8Array): Blob {
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes };
}

function jsonBlob(value: unknown): Blob {
  return blob(Buffer.from(JSON.stringify(value)));
}

function descriptor(mediaType: string, { digest, bytes }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size: bytes.length };
}

function hostPlatform(): ImagePlatform {
  return { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
}

/** Key order is part of the bytes, so maps whose order means nothing are sorted. */
function sorted<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function exposedPort(port: number | string): string {
  const text = typeof port === "number" ? `${port}/tcp` : port;
  if (!/^[0-9]{1,5}(?:\/(?:tcp|udp|sctp))?$/.test(text)) {
    throw new KxError("KX_CLUSTER_IMAGE_SPEC", `exposed port "${text}" is not a number with an optional /tcp or /udp`);
  }
  return text;
}

function runConfig(config: ImageConfig): Record<string, unknown> {
  const env = sorted(Object.entries({ PATH: defaultPath, ...config.env }));
  return {
    ...(config.user === undefined ? {} : { User: config.user }),
    ...(config.exposedPorts === undefined
      ? {}
      : { ExposedPorts: sorted(config.exposedPorts.map((port) => [exposedPort(port), {}] as const)) }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(config.entrypoint === undefined ? {} : { Entrypoint: config.entrypoint }),
    ...(config.cmd === undefined ? {} : { Cmd: config.cmd }),
    ...(config.workingDir === undefined ? {} : { WorkingDir: config.workingDir }),
    ...(config.labels === undefined ? {} : { Labels: sorted(Object.entries(config.labels)) }),
  };
}

/**
 * Builds an image as an OCI layout in one tar, which `ctr images import`, skopeo's `oci-archive:` and our registry take.
 * The same input gives the same bytes. Throws KX_CLUSTER_IMAGE_SPEC and KX_CLUSTER_IMAGE_SOURCE.
 */
export async function buildImage(spec: ImageSpec): Promise<Uint8Array> {
  if (spec.names.length === 0) throw new KxError("KX_CLUSTER_IMAGE_SPEC", "the image has no name");
  const names = [...new Set(spec.names.map((name) => formatImageName(parseImageName(name))))].toSorted();
  const platform = spec.platform ?? hostPlatform();
  const layer = blob(await packLayer(planLayer(spec.files)));
  const config = jsonBlob({
    architecture: platform.architecture,
    os: platform.os,
    config: runConfig(spec.config ?? {}),
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: [descriptor(mediaTypes.layer, layer)],
  });
  const index = jsonBlob({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: names.map((name) => ({
      ...descriptor(mediaTypes.manifest, manifest),
      annotations: { [imageNameAnnotation]: name, [refNameAnnotation]: parseImageName(name).tag },
      platform: { architecture: platform.architecture, os: platform.os },
    })),
  });
  const files = [
    { name: "oci-layout", bytes: Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })) },
    { name: "index.json", bytes: index.bytes },
    ...[manifest, config, layer].map(({ digest, bytes }) => ({
      name: `blobs/sha256/${digest.slice("sha256:".length)}`,
      bytes,
    })),
  ];
  return packTar(
    files.map(({ name, bytes }) => ({
      header: { name, type: "file", size: bytes.length, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 },
      body: bytes,
    })),
  );
}

/**
 * Builds an image into a file, which appears whole or not at all.
 * Throws KX_CLUSTER_IMAGE_WRITE and what {@link buildImage} throws.
 */
export async function writeImage(path: string, spec: ImageSpec): Promise<void> {
  const bytes = await buildImage(spec);
  const part = `${path}.${randomUUID()}.part`;
  try {
    const handle = await open(part, "wx", 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    throw new KxError("KX_CLUSTER_IMAGE_WRITE", `cannot write image archive ${path}`, {
      cause,
      remedy: `check that ${dirname(path)} exists, is writable and has room`,
      details: { path },
    });
  }
}
