// What the hostpath driver takes, beside what is known of the Go one: `npm run bench -w @kx/csi`, as root, on a quiet machine.
// A figure, not a test. The module of the Go driver 1.18 is not given out by the module proxy any more, so it is not built:
// its figures were measured once, on another machine with two cores.
//   node packages/csi/bench/csi.ts [--rounds 3] [--volumes 6000] [--claims 500] [--objects 5000] [--only driver,claims,memory]
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { machine, median, table } from "@kx/tooling/bench-report";
import { measureClaims } from "./claims.ts";
import { type DriverFigures, measureDriver } from "./driver.ts";
import { measureMemory } from "./memory.ts";
import { claimRows, type DriverFiguresOf, driverRows, memoryRows } from "./rows.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    volumes: { type: "string", default: "6000" },
    claims: { type: "string", default: "500" },
    objects: { type: "string", default: "5000" },
    only: { type: "string", default: "driver,claims,memory" },
  },
});
const only = values.only.split(",");
const load = () => loadavg()[0]?.toFixed(1);
const say = (text: string) => console.error(`${text} (load ${load()})`);

async function driverFigures(): Promise<DriverFiguresOf> {
  const samples = { rename: [] as DriverFigures[], fsync: [] as DriverFigures[] };
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const durability of ["rename", "fsync"] as const) {
      samples[durability].push(await measureDriver(durability, Number(values.volumes)));
      say(`round ${round}, ${durability}: ${JSON.stringify(samples[durability].at(-1))}`);
    }
  }
  const middle = (all: readonly DriverFigures[]) =>
    Object.fromEntries(
      Object.keys(all[0] ?? {}).map((key) => [key, median(all.map((one) => one[key as keyof DriverFigures]))]),
    ) as unknown as DriverFigures;
  return { rename: middle(samples.rename), fsync: middle(samples.fsync) };
}

const before = load();
const rows = [
  ...(only.includes("driver") ? driverRows(await driverFigures(), Number(values.volumes)) : []),
  ...(only.includes("claims") ? claimRows(await measureClaims(Number(values.claims), say)) : []),
  ...(only.includes("memory") ? memoryRows(await measureMemory(Number(values.objects), say)) : []),
];
console.log(`\n${machine()}, Node ${process.version}; load ${before} before, ${load()} after\n`);
console.log(table(["work", "Go hostpath 1.18, elsewhere", "kx, rename", "kx, fsync", "required"], rows));
