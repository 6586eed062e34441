// A process that changes a state is killed at each of its file calls: what it was told is there, nothing is half there.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "@kx/core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fileState } from "./file-state.ts";

const program = join(import.meta.dirname, "../../test/support/state-steps.ts");
/** What there is after each step: kind, id, name. */
const after = [
  [],
  ["volume v1 one"],
  ["volume v1 one", "volume v2 two"],
  ["volume v1 changed", "volume v2 two"],
  ["volume v1 changed"],
  ["volume v1 changed", "snapshot v2 snapshot"],
];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-csi-crash-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** What the process said until it was killed. */
function run(dir: string, durability: string, at: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, dir, durability, String(at)], (error, stdout, stderr) => {
      if (error?.signal === "SIGKILL") resolve(stdout.split("\n").filter((line) => line !== ""));
      else reject(new Error(`the process was not killed: ${stderr}`));
    });
  });
}

async function contents(dir: string): Promise<readonly string[]> {
  const complaints: string[] = [];
  const nothing = () => undefined;
  const log: Logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (fields, message) => void complaints.push(`${message} ${JSON.stringify(fields)}`),
    child: () => log,
  };
  const state = fileState(dir, { durability: "rename" });
  await state.open?.(log);
  const found = [...(await state.list("volume", undefined, 9)), ...(await state.list("snapshot", undefined, 9))];
  await state[Symbol.asyncDispose]?.();
  expect(complaints).toEqual([]);
  for (const { name, data } of found) expect(data?.["text"]).toBe(name.repeat(500));
  return found.map(({ kind, id, name }) => `${kind} ${id} ${name}`);
}

it.each(["rename", "fsync"])(
  "survives a kill at each call, with durability %s",
  { timeout: 120_000 },
  async (durability) => {
    const complete = await run(join(folder, "complete"), durability, 0);
    expect(await contents(join(folder, "complete"))).toEqual(after.at(-1));
    const calls = Number(complete.at(-1)?.replace("calls ", ""));
    expect(calls).toBeGreaterThan(20);
    let killedWithin = 0;
    for (let at = 1; at <= calls; at++) {
      const dir = join(folder, String(at));
      const told = (await run(dir, durability, at)).length;
      const found = await contents(dir);
      // The step in which it was killed may have come to its end.
      expect([after[told - 1] ?? [], after[told]], `killed at call ${at}, after ${told} steps`).toContainEqual(found);
      if (told < after.length) killedWithin++;
    }
    expect(killedWithin).toBeGreaterThan(20);
  },
);
