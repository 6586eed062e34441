// Type-checks the TypeScript blocks of the READMEs and guides: each ```ts block is a module of its own, against the built
// packages. A block marked ```ts ignore is left out.
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspaces.ts";

interface Snippet {
  /** The page and the line that the block starts at, as a file name. */
  readonly name: string;
  readonly text: string;
}

/** The blocks of a page, each moved down so that its lines keep their numbers. */
export function snippetsOf(page: string, markdown: string): readonly Snippet[] {
  const lines = markdown.split("\n");
  const found: Snippet[] = [];
  let start: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (start === undefined && /^```(?:ts|typescript)\s*$/.test(line)) start = index + 1;
    else if (start !== undefined && line.startsWith("```")) {
      const name = `${page.replaceAll("/", "__")}__${start}.ts`;
      found.push({ name, text: `${"\n".repeat(start)}${lines.slice(start, index).join("\n")}\n` });
      start = undefined;
    }
  }
  return found;
}

if (import.meta.main) {
  const pages = globSync(["README.md", "CONTRIBUTING.md", "{packages,apps}/*/README.md", "docs/guides/**/*.md"], {
    cwd: root,
  });
  const snippets = pages.toSorted().flatMap((page) => snippetsOf(page, readFileSync(join(root, page), "utf8")));
  // Inside the checkout, because a snippet imports the packages by name.
  const folder = join(root, "temp", "doc-snippets");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of snippets) writeFileSync(join(folder, name), text);
  const options = { noEmit: true, allowImportingTsExtensions: true, moduleDetection: "force" };
  const project = { extends: "../../tsconfig.base.json", compilerOptions: options, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
  const { status, stdout } =
    snippets.length === 0
      ? { status: 0, stdout: "" }
      : spawnSync("tsc", ["-p", "tsconfig.json", "--pretty", "false"], { cwd: folder, encoding: "utf8" });
  process.stdout.write(
    stdout.replaceAll(/^(\S+?)__\d+\.ts\(/gm, (_, page: string) => `${page.replaceAll("__", "/")}(`),
  );
  console.log(`${snippets.length} snippets of ${pages.length} pages`);
  rmSync(folder, { recursive: true });
  process.exitCode = status ?? 1;
}
