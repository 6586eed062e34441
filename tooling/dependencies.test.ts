import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./workspaces.ts";

const page = "docs/adr/0012-dependencies.md";
const kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const;
type Manifest = Readonly<Partial<Record<(typeof kinds)[number], Readonly<Record<string, string>>>>>;

function declared(): readonly string[] {
  const files = globSync(["package.json", "{packages,apps,examples}/*/package.json", "tooling/package.json"], {
    cwd: root,
  });
  const manifests = files.map((file) => JSON.parse(readFileSync(join(root, file), "utf8")) as Manifest);
  const names = manifests.flatMap((manifest) => kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {})));
  return names.filter((name) => !name.startsWith("@kx/"));
}

test(`${page} justifies exactly the dependencies that there are`, () => {
  const rows = readFileSync(join(root, page), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const listed = rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ""),
  );
  expect(new Set(listed)).toEqual(new Set(declared()));
});
