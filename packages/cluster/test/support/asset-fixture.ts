import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AssetOptions, ensureAssetsFrom } from "../../src/assets/ensure.ts";
import type { Assets } from "../../src/assets/index.ts";

/** A copy of the package's recipes and a stand-in for the Go toolchain, which writes small files and keeps a diary. */
export interface AssetFixture extends AsyncDisposable {
  readonly dir: string;
  readonly packageRoot: string;
  readonly cacheDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** What the stand-in was asked to build, in order. */
  built(): Promise<string[]>;
  ensure(options?: AssetOptions): Promise<Assets>;
  /** The same in another process; its standard output ends with the folder of the set. */
  ensureInChild(names: readonly string[]): ChildProcess;
  /** Makes a program in the folder that PATH names; `#!/bin/sh` goes before the text. */
  program(name: string, text: string): Promise<void>;
  removeProgram(name: string): Promise<void>;
}

const go = (diary: string) => `
if [ "$1" = version ]; then echo "go version go1.26.8 linux/amd64"; exit 0; fi
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then
    echo "\${2##*/}" >> ${diary}
    if [ -n "$FAKE_GO_HANG" ] && [ "\${2##*/}" = "$FAKE_GO_HANG" ]; then echo $$ > ${diary}.pid; read line < ${diary}.fifo; fi
    if [ -n "$FAKE_GO_FAIL" ]; then echo "# first line"; echo "$FAKE_GO_FAIL" >&2; exit 1; fi
    echo "program \${2##*/} by toolchain \${GOTOOLCHAIN:-unset} cgo $CGO_ENABLED" > "$2"
  fi
  shift
done
`;

export async function assetFixture(): Promise<AssetFixture> {
  const dir = await mkdtemp(join(tmpdir(), "kx-assets-"));
  const packageRoot = join(dir, "package");
  const cacheDir = join(dir, "cache");
  const bin = join(dir, "bin");
  const diary = join(dir, "diary");
  const env: NodeJS.ProcessEnv = { PATH: bin, HOME: dir };
  await mkdir(bin);
  await cp(join(import.meta.dirname, "../../go"), join(packageRoot, "go"), { recursive: true });
  await writeFile(join(packageRoot, "assets.lock.json"), "{}");
  await writeFile(diary, "");
  const program = async (name: string, text: string) => {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  };
  await program("go", go(diary));
  await program("gcc", "");
  await program("pkg-config", `echo ${dir}`);
  return {
    dir,
    packageRoot,
    cacheDir,
    env,
    program,
    removeProgram: (name) => rm(join(bin, name)),
    built: async () => (await readFile(diary, "utf8")).split("\n").filter(Boolean),
    ensure: (options = {}) => ensureAssetsFrom({ packageRoot, goDirs: [] }, { env, cacheDir, ...options }),
    ensureInChild(names) {
      const module = join(import.meta.dirname, "../../src/assets/ensure.ts");
      const text = `
        import { ensureAssetsFrom } from ${JSON.stringify(module)};
        const place = { packageRoot: ${JSON.stringify(packageRoot)}, goDirs: [] };
        const options = { env: ${JSON.stringify(env)}, cacheDir: ${JSON.stringify(cacheDir)}, names: ${JSON.stringify(names)} };
        const assets = await ensureAssetsFrom(place, options);
        console.log(assets.dir);`;
      return spawn(process.execPath, ["--input-type=module", "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

/** What a child printed, when it has ended. */
export async function printed(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(child, "close");
  return text.trim();
}

/** Waits until a condition holds; the test's own time limit is the deadline. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
