// How long pods wait for their network, beside the Go plug-ins v1.9.1. Both sides take turns on this machine, in a network
// namespace that plays the node. A figure, not a test.
//   node packages/cni/bench/cni.ts [--rounds 200] [--bursts 5] [--pods 10000]
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { ensureAssets } from "@kx/cluster";
import { pluginTypes } from "../src/plugins.ts";
import { makeNetns } from "../src/testing/netns.ts";
import { bundleDaemon } from "./bench-daemon.ts";
import { type Figures, formatFigures } from "./figures.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    bursts: { type: "string", default: "5" },
    // That come and go while the daemon's memory is watched.
    pods: { type: "string", default: "10000" },
  },
});
const assets = await ensureAssets({ names: ["bridge", "host-local", "portmap"] });
const folder = mkdtempSync(join(tmpdir(), "kx-cni-bench-"));
try {
  const shim = join(folder, "kx-cni-shim");
  execFileSync(process.execPath, [join(import.meta.dirname, "../scripts/build-shim.ts"), shim]);
  await bundleDaemon(folder);
  for (const type of pluginTypes) symlinkSync(shim, join(folder, type));
  await using host = await makeNetns("host");
  const measure = [process.execPath, join(import.meta.dirname, "measure.ts")];
  const folders = ["--go", dirname(assets.path("bridge")), "--kx", folder];
  const { rounds, bursts, pods } = values;
  const counts = ["--rounds", rounds, "--bursts", bursts, "--pods", pods];
  const args = [`--net=${host.path}`, ...measure, ...folders, ...counts];
  const before = loadavg();
  const { stdout } = await promisify(execFile)("nsenter", args, { maxBuffer: 1 << 28 });
  const figures: Figures = JSON.parse(stdout);
  const load = [...before.slice(0, 1), ...loadavg().slice(0, 1)].map((one) => one.toFixed(1)).join(" before, ");
  console.log(
    `${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, Node ${process.version}, load ${load} after\n`,
  );
  console.log(formatFigures(figures));
} finally {
  rmSync(folder, { recursive: true });
}
