// Checks the changesets: each is well formed and names packages that exist; on a branch, every package that the branch
// changes is named by a changeset of that branch (`npx changeset add --empty` where users see nothing of the change).
import { spawnSync } from "node:child_process";
import { root } from "./workspaces.ts";

function commitOf(ref: string): string | undefined {
  const { status, stdout } = spawnSync("git", ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], {
    cwd: root,
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

const base = ["main", "origin/main"].find((ref) => commitOf(ref) !== undefined);
const onMain = base !== undefined && commitOf(base) === commitOf("HEAD");
// A clone without main has nothing to compare with; HEAD stands in, so that the changesets are still read.
const since = onMain ? [] : ["--since", base ?? "HEAD"];
const { status } = spawnSync("changeset", ["status", ...since], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
