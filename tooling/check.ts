// Runs every gate of the repository, or those named on the command line: `npm run check [-- <gate>...]`.
import { availableParallelism } from "node:os";
import { type Gate, runGates, type Verdict } from "./check/gate.ts";
import { gates } from "./check/gates.ts";
import { runGate } from "./check/run-gate.ts";

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !gates.some((gate) => gate.name === name));
if (unknown.length > 0) {
  console.error(`no gate is named ${unknown.join(", ")}; there are ${gates.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const start = performance.now();
const verdicts = await runGates(asked.length === 0 ? gates : withNeeds(asked), {
  lanes: Math.max(2, availableParallelism()),
  run: runGate,
  tell: print,
});
const failed = verdicts.filter(({ ok }) => !ok).map(({ gate }) => gate.name);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(
  failed.length === 0
    ? `check: all ${verdicts.length} gates passed in ${seconds} s`
    : `check: ${failed.length} of ${verdicts.length} gates failed in ${seconds} s: ${failed.join(", ")}`,
);
process.exit(failed.length === 0 ? 0 : 1);

/** The gates asked for and those they come after, in the list's order. */
function withNeeds(names: readonly string[]): readonly Gate[] {
  const wanted = new Set(names);
  for (const gate of gates.toReversed()) {
    if (wanted.has(gate.name)) for (const need of gate.after ?? []) wanted.add(need);
  }
  return gates.filter(({ name }) => wanted.has(name));
}

function print({ gate, ok, ms, output }: Verdict): void {
  console.log(`${ok ? "✓" : "✗"} ${gate.name.padEnd(14)} ${(ms / 1000).toFixed(1).padStart(5)} s`);
  if (ok) return;
  console.log(output.replaceAll(/^/gm, "    "));
  if (gate.fix !== undefined) console.log(`    fix: ${gate.fix}`);
}
