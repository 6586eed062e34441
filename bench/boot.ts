// Boot times of the cluster, medians over interleaved rounds on this machine. A figure, not a test:
// it fails only when something does not work.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { type Progress, startCluster, startControlPlane } from "@kx/cluster";

interface Row {
  readonly name: string;
  /** Seconds that it may take at most; absent where nothing is required. */
  readonly required?: number;
  /** How many of the rounds it takes part in. */
  readonly rounds?: number;
  /** Does it once and returns the seconds that count. */
  run(): Promise<number>;
}

const rounds = Number(process.argv[2] ?? 5);
const root = join(import.meta.dirname, "..");
const seconds = (since: number): number => (performance.now() - since) / 1000;

function command(program: string, args: string[], dir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, KX_DIR: dir };
    execFile(program, args, { cwd: root, env, timeout: 600_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(" ")}\n${stdout}${stderr}`, { cause: error }));
      else resolve();
    });
  });
}

/** Runs `work` with a new state folder's path, and `undo` whatever happens. */
async function inFolder(work: (dir: string) => Promise<number>, undo: (dir: string) => Promise<void>): Promise<number> {
  const parent = await mkdtemp(join(tmpdir(), "kxb-"));
  const dir = join(parent, "c");
  try {
    return await work(dir);
  } finally {
    await undo(dir);
    await rm(parent, { recursive: true, force: true });
  }
}

async function bootCluster(nodes: number): Promise<number> {
  const start = performance.now();
  let ready = 0;
  const onProgress = ({ step, state }: Progress): void => {
    if (step === "waiting for the nodes to be Ready" && state === "done") ready = seconds(start);
  };
  const cluster = await startCluster({ nodes, onProgress });
  await cluster.stop();
  return ready;
}

const kx = join(root, "apps/cli/bin/kx.mjs");
const down = (dir: string): Promise<void> => command(process.execPath, [kx, "down"], dir);

const rows: Row[] = [
  {
    name: "startControlPlane: API server ready",
    required: 4,
    async run() {
      const start = performance.now();
      const controlPlane = await startControlPlane();
      const ready = seconds(start);
      await controlPlane.stop();
      return ready;
    },
  },
  { name: "startCluster, 1 node: node Ready", required: 6, run: () => bootCluster(1) },
  { name: "startCluster, 2 nodes: both Ready", run: () => bootCluster(2) },
  {
    name: "kx up: node Ready, agent and manager started",
    required: 6,
    run: () =>
      inFolder(async (dir) => {
        const start = performance.now();
        await command(process.execPath, [kx, "up"], dir);
        return seconds(start);
      }, down),
  },
  {
    name: "npm start: Foo's pod seen Running, build cached",
    required: 25,
    rounds: 3,
    run: () =>
      inFolder(async (dir) => {
        const start = performance.now();
        await command("npm", ["start"], dir);
        return seconds(start);
      }, down),
  },
  {
    name: "kx down: one node",
    run: () =>
      inFolder(async (dir) => {
        await command(process.execPath, [kx, "up"], dir);
        const start = performance.now();
        await down(dir);
        return seconds(start);
      }, down),
  },
];

const results = new Map<string, number[]>(rows.map((row) => [row.name, []]));
for (let round = 0; round < rounds; round++) {
  for (const row of rows) {
    if (round >= (row.rounds ?? rounds)) continue;
    const value = await row.run();
    results.get(row.name)?.push(value);
    console.error(`round ${round + 1}: ${row.name}: ${value.toFixed(2)} s (load ${loadavg()[0]?.toFixed(1)})`);
  }
}

const version = (await readFile("/proc/version", "utf8").catch(() => release())).split(" ").slice(0, 3).join(" ");
console.log(`\n${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${version}\n`);
console.log("| what | median s | min | max | required |\n|---|---|---|---|---|");
for (const { name, required } of rows) {
  const values = (results.get(name) ?? []).toSorted((a, b) => a - b);
  const median = values[Math.floor(values.length / 2)] ?? Number.NaN;
  const met = required === undefined ? "-" : `≤ ${required}: ${median <= required ? "met" : "MISSED"}`;
  const cells = [median, values[0], values.at(-1)].map((value) => value?.toFixed(2));
  console.log(`| ${name} | ${cells.join(" | ")} | ${met} |`);
}
