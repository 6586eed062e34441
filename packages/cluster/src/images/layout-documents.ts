import { imageNameAnnotation, mediaTypes, refNameAnnotation } from "./media-types.ts";
import { TarProblem } from "./tar-entries.ts";

/** An OCI descriptor: what a blob is, its digest and its size in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A descriptor of an archive's index.json, with the names it gives. */
export interface RawDescriptor extends Descriptor {
  /** containerd's annotation: a full name. */
  readonly imageName?: string;
  /** OCI's annotation: a tag, or with some tools a full name. */
  readonly refName?: string;
}

/** What stands behind a manifest's digest. */
export type ManifestDocument =
  | { readonly kind: "index"; readonly manifests: readonly Descriptor[] }
  | { readonly kind: "manifest"; readonly parts: readonly Descriptor[] };

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const mediaTypePattern = /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}$/;

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(value: unknown, where: string): Fields {
  if (!isObject(value)) throw new TarProblem(`${where} is not an object`);
  return value;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TarProblem(`${where} is not a list`);
  return value;
}

function descriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size } = object(value, where);
  if (typeof mediaType !== "string" || !mediaTypePattern.test(mediaType)) {
    throw new TarProblem(`${where} has no media type`);
  }
  if (typeof digest !== "string" || !digestPattern.test(digest)) throw new TarProblem(`${where} has no sha256 digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw new TarProblem(`${where} has no size`);
  return { mediaType, digest, size };
}

function descriptors(value: unknown, where: string): Descriptor[] {
  return list(value, where).map((item, i) => descriptor(item, `${where}[${i}]`));
}

function annotation(value: unknown, where: string, key: string): string | undefined {
  const annotations = object(value, where)["annotations"];
  if (annotations === undefined || annotations === null) return undefined;
  const text = object(annotations, `${where}.annotations`)[key];
  if (text !== undefined && typeof text !== "string") throw new TarProblem(`${where}.annotations ${key} is not a text`);
  return text;
}

/** Checks the `oci-layout` entry. Throws TarProblem. */
export function parseLayout(value: unknown, where: string): void {
  const version = object(value, where)["imageLayoutVersion"];
  if (version !== "1.0.0")
    throw new TarProblem(`${where} has the layout version ${JSON.stringify(version)}, not 1.0.0`);
}

/** Parses an archive's `index.json`. Throws TarProblem. */
export function parseIndex(value: unknown, where: string): RawDescriptor[] {
  return list(object(value, where)["manifests"], `${where} manifests`).map((item, i) => {
    const at = `${where} manifests[${i}]`;
    const imageName = annotation(item, at, imageNameAnnotation);
    const refName = annotation(item, at, refNameAnnotation);
    return {
      ...descriptor(item, at),
      ...(imageName === undefined ? {} : { imageName }),
      ...(refName === undefined ? {} : { refName }),
    };
  });
}

/** Parses a manifest or an index of manifests, told apart by what they hold, as `mediaType` is optional in both. */
export function parseManifest(value: unknown, where: string): ManifestDocument {
  const document = object(value, where);
  const type = document["mediaType"];
  if (type === mediaTypes.index || type === mediaTypes.dockerIndex || (type === undefined && "manifests" in document)) {
    return { kind: "index", manifests: descriptors(document["manifests"], `${where} manifests`) };
  }
  if (type !== undefined && type !== mediaTypes.manifest && type !== mediaTypes.dockerManifest) {
    throw new TarProblem(`${where} has the media type ${JSON.stringify(type)}, which is no image's`);
  }
  const config = descriptor(document["config"], `${where} config`);
  return { kind: "manifest", parts: [config, ...descriptors(document["layers"], `${where} layers`)] };
}
