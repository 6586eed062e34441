import { expect, test } from "vitest";
import { type Gate, runGates, type Verdict } from "./gate.ts";
import { gates } from "./gates.ts";
import { runGate } from "./run-gate.ts";

const gate = (name: string, after: readonly string[] = []): Gate => ({ name, after, commands: [] });

/** Runs gates of which those in `failing` fail; gives what was told and the most that ran at a time. */
async function trial(list: readonly Gate[], failing: readonly string[], lanes = 2) {
  const told: Verdict[] = [];
  let [running, most] = [0, 0];
  const run = async (one: Gate): Promise<Verdict> => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    return { gate: one, ok: !failing.includes(one.name), ms: 1, output: "" };
  };
  await runGates(list, { lanes, run, tell: (verdict) => told.push(verdict) });
  return {
    most,
    told: told.map(({ gate: { name }, ok, output }) => `${name} ${ok ? "ok" : "failed"} ${output}`.trim()),
  };
}

test("goes on behind a failure and skips only what comes after the failed gate", async () => {
  const { told } = await trial([gate("a"), gate("b", ["a"]), gate("c", ["b"]), gate("d")], ["a"]);
  expect(told.toSorted()).toEqual([
    "a failed",
    "b failed not run, because a failed",
    "c failed not run, because b failed",
    "d ok",
  ]);
});

test("fills its lanes and no more", async () => {
  const { most, told } = await trial(
    ["a", "b", "c", "d"].map((name) => gate(name)),
    [],
    2,
  );
  expect(most).toBe(2);
  expect(told).toHaveLength(4);
});

test("refuses a gate that comes after one that is not there", async () => {
  await expect(trial([gate("a", ["nowhere"])], [])).rejects.toThrow("nowhere");
});

test("a gate fails with its first failing program, and keeps what was printed", async () => {
  const node = (text: string) => ["node", "--eval", text];
  const commands = [
    node("console.log('one')"),
    node("console.error('two'); process.exit(3)"),
    node("console.log('three')"),
  ];
  const { ok, output } = await runGate({ name: "x", commands });
  expect(ok).toBe(false);
  expect(output).toContain("one\ntwo\n");
  expect(output).toContain("exit 3");
  expect(output).not.toMatch(/^three$/m);
});

test("a program that does not exist fails its gate", async () => {
  expect(await runGate({ name: "x", commands: [["kx-no-such-program"]] })).toMatchObject({ ok: false });
});

test("every gate has a name of its own", () => {
  const names = gates.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});
