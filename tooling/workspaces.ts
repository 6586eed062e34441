import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** What the gates read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string | { readonly types?: string; readonly default?: string }>>;
}

/** A workspace of the repository. */
export interface Workspace {
  /** Absolute path. */
  readonly dir: string;
  readonly manifest: Manifest;
}

/** The workspaces that go to the registry: the packages and the apps that are not private, in order of their path. */
export function publishedWorkspaces(): readonly Workspace[] {
  return ["packages", "apps"]
    .flatMap((parent) =>
      readdirSync(join(root, parent))
        .toSorted()
        .map((name) => join(root, parent, name)),
    )
    .map((dir) => ({ dir, manifest: JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as Manifest }))
    .filter(({ manifest }) => manifest.private !== true);
}
