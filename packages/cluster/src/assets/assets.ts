import { lstat, realpath, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { KxError } from "@kx/core";
import { sha256File } from "./digest.ts";
import type { Manifest } from "./manifest.ts";

/** The programs that a cluster is made of, in one folder. */
export interface Assets {
  /** Kubernetes version, without `v`. */
  readonly version: string;
  /** Holds `bin/`, `cni/` and `pause`. Its path changes with its content. */
  readonly dir: string;
  /**
   * Absolute path of a program, by its name: `kubelet`, `runc`, `bridge`, `pause`.
   * @throws KX_CLUSTER_ASSET_UNKNOWN if it is not in this set.
   */
  path(name: string): string;
  /**
   * Checks that programs are what was stored: SHA-256, and for root that nobody else may change them. Call it before each
   * start of a program (about 0.1 s for the largest). Without names: all of them. In a folder given by KX_ASSETS without
   * a manifest.json only the permissions can be checked.
   * @throws KX_CLUSTER_ASSET_UNSAFE, KX_CLUSTER_ASSET_UNKNOWN
   */
  verify(...names: readonly string[]): Promise<void>;
}

/** What {@link createAssets} needs to know. */
export interface AssetsContent {
  readonly version: string;
  readonly dir: string;
  /** Name to path relative to `dir`. */
  readonly programs: Readonly<Record<string, string>>;
  readonly manifest?: Manifest;
}

export function createAssets({ version, dir, programs, manifest }: AssetsContent): Assets {
  // Six names may stand for one file: those who ask at the same time share one reading of it.
  const running = new Map<string, Promise<void>>();

  function path(name: string): string {
    const found = Object.hasOwn(programs, name) ? programs[name] : undefined;
    if (found === undefined) {
      throw new KxError(
        "KX_CLUSTER_ASSET_UNKNOWN",
        `no program ${name} here; there are ${Object.keys(programs).join(", ")}`,
      );
    }
    return join(dir, found);
  }

  async function verify(...names: readonly string[]): Promise<void> {
    const wanted = (names.length === 0 ? Object.keys(programs) : names).map(path);
    const root = await realpath(dir);
    const files = new Set<string>();
    for (const file of wanted) files.add(await resolved(root, file));
    // One after another: they would only compete for the disk and the processor.
    for (const file of files) {
      const check = running.get(file) ?? checkFile(root, file, manifest).finally(() => running.delete(file));
      running.set(file, check);
      await check;
    }
  }

  return { version, dir, path, verify };
}

async function resolved(root: string, file: string): Promise<string> {
  const real = await realpath(file).catch(() => undefined);
  if (real === undefined) throw unsafe(file, "it is gone", root);
  return real;
}

async function checkFile(root: string, file: string, manifest: Manifest | undefined): Promise<void> {
  for (const path of [root, dirname(file), file]) await checkOwner(path, root);
  if (manifest === undefined) return;
  const record = manifest.files[relative(root, file)];
  if (record === undefined) throw unsafe(file, "it is not in the manifest", root);
  const { size } = await stat(file);
  if (size !== record.size) throw unsafe(file, `it has ${size} bytes instead of ${record.size}`, root);
  if ((await sha256File(file)) !== record.sha256)
    throw unsafe(file, "its SHA-256 is not the one it was stored with", root);
}

/** A file that root is going to run must not be changeable by anyone else (who called sudo may: he is root anyway). */
async function checkOwner(path: string, root: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, mode } = await lstat(path);
  if (uid !== 0 && String(uid) !== process.env["SUDO_UID"]) throw unsafe(path, `it belongs to user ${uid}`, root);
  if ((mode & 0o022) !== 0) throw unsafe(path, `others may write it (mode ${(mode & 0o777).toString(8)})`, root);
}

function unsafe(path: string, why: string, root: string): KxError {
  return new KxError("KX_CLUSTER_ASSET_UNSAFE", `${path} must not be run: ${why}`, {
    remedy: `find out who changed it, then remove ${root}`,
    details: { path },
  });
}
