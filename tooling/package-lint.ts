// Packs every published package as npm would and looks at the tarballs: publint (what they export exists and is well
// formed), attw (a consumer's TypeScript finds its types), and nothing that is not to be published.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { publishedWorkspaces, root } from "./workspaces.ts";

interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

const run = promisify(execFile);

async function pack(folder: string): Promise<readonly Packed[]> {
  const workspaces = publishedWorkspaces().map(({ manifest }) => `--workspace=${manifest.name}`);
  const args = ["pack", "--json", "--ignore-scripts", `--pack-destination=${folder}`, ...workspaces];
  const { stdout } = await run("npm", args, { cwd: root, maxBuffer: 1 << 26 });
  const packed = JSON.parse(stdout) as readonly Packed[] | Readonly<Record<string, Packed>>;
  return Object.values(packed);
}

/** What is wrong with a package's files, as far as its list of files tells. */
function contentFaults({ files }: Packed): readonly string[] {
  const paths = files.map(({ path }) => path);
  const strangers = paths.filter((path) => /\.test\.|^src\/|^test\/|\.tsbuildinfo$/.test(path));
  return [
    ...(paths.some((path) => path.startsWith("dist/")) ? [] : ["holds no dist"]),
    ...(paths.includes("README.md") ? [] : ["has no README.md"]),
    ...strangers.map((path) => `holds ${path}, which is not to be published`),
  ];
}

/** What a tool says against a tarball, or undefined. */
async function complaint(tool: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await run(tool, args, { cwd: root, maxBuffer: 1 << 26 });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    return [`${tool} ${args.join(" ")}`, stdout.trim() || message, stderr.trim()].filter(Boolean).join("\n");
  }
}

const folder = await mkdtemp(join(tmpdir(), "kx-pack-"));
const faults: string[] = [];
try {
  const packed = await pack(folder);
  faults.push(...packed.flatMap((one) => contentFaults(one).map((fault) => `${one.name}: ${fault}`)));
  for (const { name, filename } of packed) {
    const tarball = join(folder, filename);
    const complaints = await Promise.all([
      complaint("publint", ["--strict", tarball]),
      complaint("attw", [tarball, "--profile", "esm-only", "--format", "table-flipped"]),
    ]);
    faults.push(...complaints.filter((text) => text !== undefined).map((text) => `${name}: ${text}`));
  }
  console.log(`${packed.length} packages, ${faults.length} faults`);
} finally {
  await rm(folder, { recursive: true });
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
