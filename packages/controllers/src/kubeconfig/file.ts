import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { KxError } from "@kx/core";

/** A named entry, and the folder that relative paths in it start from. */
export interface Entry {
  readonly value: Readonly<Record<string, unknown>>;
  readonly file: string;
}

/** One or several kubeconfig files, merged: of entries with the same name the first counts. */
export interface KubeconfigFiles {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
}

/** The error for a kubeconfig that cannot be used. */
export function invalidKubeconfig(file: string, what: string, remedy: string, cause?: unknown): KxError {
  return new KxError("KX_KUBECONFIG_INVALID", `${file}: ${what}`, { remedy, cause, details: { file } });
}

/** Reads and merges kubeconfig files. */
export async function readKubeconfigFiles(files: readonly string[]): Promise<KubeconfigFiles> {
  const merged = {
    currentContext: undefined as string | undefined,
    clusters: new Map<string, Entry>(),
    users: new Map<string, Entry>(),
    contexts: new Map<string, Entry>(),
  };
  for (const file of files) {
    const document = await readDocument(file);
    const current = document["current-context"];
    if (typeof current === "string" && current !== "") merged.currentContext ??= current;
    for (const [list, inner] of [
      ["clusters", "cluster"],
      ["users", "user"],
      ["contexts", "context"],
    ] as const) {
      for (const [name, value] of namedEntries(file, document, list, inner)) {
        if (!merged[list].has(name)) merged[list].set(name, { value, file });
      }
    }
  }
  return merged;
}

async function readDocument(file: string): Promise<Readonly<Record<string, unknown>>> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (cause) {
    throw new KxError("KX_KUBECONFIG_NOT_FOUND", `cannot read the kubeconfig ${file}`, {
      cause,
      remedy: "check the path and who may read it",
      details: { file },
    });
  }
  const { parse } = await import("yaml");
  let document: unknown;
  try {
    document = parse(content);
  } catch (cause) {
    const line = cause instanceof Error ? cause.message.split("\n")[0] : "";
    throw invalidKubeconfig(file, `not YAML: ${line}`, "correct the line named", cause);
  }
  if (isRecord(document)) return document;
  throw invalidKubeconfig(file, "not a kubeconfig", "it must be a mapping with clusters, users and contexts");
}

function* namedEntries(file: string, document: Readonly<Record<string, unknown>>, list: string, inner: string) {
  const entries = document[list] ?? [];
  if (!Array.isArray(entries))
    throw invalidKubeconfig(file, `${list} is no list`, "write it as a list of named entries");
  for (const [index, entry] of (entries as unknown[]).entries()) {
    const name = isRecord(entry) ? entry["name"] : undefined;
    if (!isRecord(entry) || typeof name !== "string") {
      throw invalidKubeconfig(file, `${list}[${index}] has no name`, "give each entry a name");
    }
    const value = entry[inner] ?? {};
    if (!isRecord(value))
      throw invalidKubeconfig(file, `${list}[${index}].${inner} is no mapping`, "correct the entry");
    yield [name, value] as const;
  }
}

/** A text field of an entry; undefined if it is absent or empty. */
export function text(entry: Entry, field: string): string | undefined {
  const value = entry.value[field];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw invalidKubeconfig(entry.file, `${field} is no text`, "put it in quotes");
}

/** A path in an entry, which is relative to the file that the entry stands in. */
export function resolvePath(entry: Entry, path: string): string {
  return isAbsolute(path) ? path : join(dirname(entry.file), path);
}

/** PEM text given as base64 in `field-data`, or as a path in `field`. */
export async function pem(entry: Entry, field: string): Promise<string | undefined> {
  const data = text(entry, `${field}-data`);
  if (data !== undefined) {
    const decoded = Buffer.from(data, "base64").toString("utf8");
    if (decoded.includes("-----BEGIN ")) return decoded;
    throw invalidKubeconfig(entry.file, `${field}-data is not PEM in base64`, "encode the whole PEM file with base64");
  }
  const path = text(entry, field);
  if (path === undefined) return undefined;
  try {
    return await readFile(resolvePath(entry, path), "utf8");
  } catch (cause) {
    throw invalidKubeconfig(entry.file, `${field}: cannot read ${resolvePath(entry, path)}`, "correct the path", cause);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
