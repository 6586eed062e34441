import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { KxError } from "@kx/core";
import { type Assets, createAssets } from "./assets.ts";
import { readManifest } from "./manifest.ts";

/**
 * The programs in a folder that the user names by KX_ASSETS.
 * @throws KX_CLUSTER_ASSETS_DIR if one is missing, or if it says that it is of another version than the one asked for.
 */
export async function providedAssets(
  folder: string,
  programs: Readonly<Record<string, string>>,
  requested: string | undefined,
  fallbackVersion: string,
): Promise<Assets> {
  const dir = resolve(folder);
  const manifest = await readManifest(dir);
  const missing: string[] = [];
  for (const path of Object.values(programs)) {
    const found = await stat(join(dir, path)).catch(() => undefined);
    if (found?.isFile() !== true || (found.mode & 0o111) === 0) missing.push(path);
  }
  if (missing.length > 0) {
    throw new KxError(
      "KX_CLUSTER_ASSETS_DIR",
      `KX_ASSETS=${folder} lacks ${missing.join(", ")} (as executable files)`,
      {
        remedy: "put them there, or unset KX_ASSETS",
      },
    );
  }
  if (requested !== undefined && manifest !== undefined && manifest.version !== requested) {
    throw new KxError(
      "KX_CLUSTER_ASSETS_DIR",
      `KX_ASSETS=${folder} holds Kubernetes ${manifest.version}, asked for was ${requested}`,
      { remedy: "ask for that version, or unset KX_ASSETS" },
    );
  }
  const version = manifest?.version ?? requested ?? fallbackVersion;
  return createAssets({ version, dir, programs, ...(manifest && { manifest }) });
}
