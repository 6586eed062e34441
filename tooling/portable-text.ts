// Fails on text that only makes sense on one machine: paths of a checkout or a home, and hosts of package registries.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { root } from "./workspaces.ts";

const rules: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: "path of one machine", pattern: /(?<![\w.$})\]-])\/(?:work|tmp\/kx\w*)\// },
  { what: "host of a package registry", pattern: /registry\.(?:npmjs|yarnpkg)\.|(?:proxy|sum)\.golang\.|pypi\.org/ },
];

/** What stands in a text that does not belong in one, each with its line number. `home`: a home that must not appear. */
export function faultsIn(text: string, home?: string): readonly string[] {
  return text.split("\n").flatMap((line, index) => [
    ...(home !== undefined && line.includes(`${home}/`) ? [`${index + 1}: home of one user: ${home}`] : []),
    ...rules.flatMap(({ what, pattern }) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${index + 1}: ${what}: ${found[0]}`];
    }),
  ]);
}

/** A tracked file's text; undefined where it is deleted in the work tree or is a link to a folder. */
function read(file: string): string | undefined {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
  // Root's home is the same on every machine.
  const home = userInfo().uid === 0 ? undefined : homedir();
  const faults = tracked.flatMap((file) => {
    const text = read(file);
    return text === undefined || text.includes("\0") ? [] : faultsIn(text, home).map((fault) => `${file}:${fault}`);
  });
  for (const fault of faults) console.error(fault);
  console.log(`${tracked.length} files, ${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
