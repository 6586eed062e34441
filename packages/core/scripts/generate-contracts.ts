// Writes the code of the protocols: `node generate-contracts.ts <folder>` makes <folder>/<kind>/gen/<version>_pb.ts of each
// src/contracts/<kind>/<version>.proto. One run of buf for all, since starting it is what takes the time.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const target = process.argv[2];
if (target === undefined) throw new Error("usage: generate-contracts.ts <folder>");
const packageDir = dirname(import.meta.dirname);
// The pinned buf, plug-in and Node, whatever the machine has: buf looks for its plug-in in PATH.
const binaries = join(packageDir, "../../node_modules/.bin");
const env = { ...process.env, PATH: [binaries, process.env["PATH"]].join(delimiter) };
const made = mkdtempSync(join(tmpdir(), "kx-contracts-"));
try {
  execFileSync("buf", ["lint"], { cwd: packageDir, stdio: "inherit", env });
  execFileSync("buf", ["generate", "--output", made], { cwd: packageDir, stdio: "inherit", env });
  for (const kind of readdirSync(made)) {
    const gen = join(target, kind, "gen");
    rmSync(gen, { recursive: true, force: true });
    cpSync(join(made, kind), gen, { recursive: true });
  }
} finally {
  rmSync(made, { recursive: true });
}
