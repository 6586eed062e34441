// `npm run bench` runs every benchmark, `npm run bench -- boot` one of them. Each prints a table of its own; none fails
// because of a figure. Run them on a quiet machine.
import { spawn } from "node:child_process";
import { join } from "node:path";

const benchmarks: Readonly<Record<string, string>> = {
  boot: "bench/boot.ts",
  imports: "bench/imports.ts",
  grpc: "packages/core/bench/grpc.ts",
  informer: "packages/controllers/bench/informer.ts",
  foo: "packages/controllers/bench/foo.ts",
  cni: "packages/cni/bench/cni.ts",
  csi: "packages/csi/bench/csi.ts",
};

const [wanted, ...args] = process.argv.slice(2);
if (wanted !== undefined && benchmarks[wanted] === undefined) {
  console.error(`there is no benchmark ${wanted}; there are ${Object.keys(benchmarks).join(", ")}`);
  process.exit(2);
}

for (const [name, file] of Object.entries(benchmarks)) {
  if (wanted !== undefined && name !== wanted) continue;
  console.log(`\n## ${name}`);
  const child = spawn(process.execPath, [join(import.meta.dirname, "..", file), ...args], { stdio: "inherit" });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) process.exit(code ?? 1);
}
