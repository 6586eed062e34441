import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withFileLock } from "./file-lock.ts";

let dir: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "kx-lock-"));
  path = join(dir, "lock");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(dir, { recursive: true });
});

/** A process that says `waiting`, `held`, and `freed` after a line on its standard input. */
function contender(): { child: ChildProcess; says(word: string): Promise<void>; said(): string } {
  const text = `
    import { once } from "node:events";
    import { withFileLock } from ${JSON.stringify(join(import.meta.dirname, "file-lock.ts"))};
    await withFileLock(${JSON.stringify(path)}, async () => {
      console.log("held");
      await once(process.stdin, "data");
    }, { onWait: (holder) => console.log("waiting for " + holder) });
    console.log("freed");
    process.exit();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", text], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return {
    child,
    said: () => said,
    says: async (word) => {
      while (!said.includes(word)) await once(child.stdout ?? child, "data");
    },
  };
}

it("is held by one process at a time", async () => {
  const first = contender();
  await first.says("held");
  const second = contender();
  await second.says(`waiting for process ${first.child.pid}`);
  expect(second.said()).not.toContain("held");
  first.child.stdin?.write("\n");
  await first.says("freed");
  await second.says("held");
});

it("is free when its holder was killed", async () => {
  const first = contender();
  await first.says("held");
  const second = contender();
  await second.says("waiting");
  first.child.kill("SIGKILL");
  await second.says("held");
});

it("is held by one piece of work at a time within a process", async () => {
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    log.push(`${name} ends`);
  };
  await Promise.all([withFileLock(path, work("a")), withFileLock(path, work("b"))]);
  expect(log.map((line) => line.split(" ")[1])).toEqual(["begins", "ends", "begins", "ends"]);
});

it("is given back when the work fails", async () => {
  await expect(withFileLock(path, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await withFileLock(path, async () => "done")).toBe("done");
});

it("is no longer waited for after an abort", async () => {
  const first = contender();
  await first.says("held");
  const controller = new AbortController();
  const onWait = () => controller.abort(new Error("enough"));
  await expect(withFileLock(path, async () => 0, { signal: controller.signal, onWait })).rejects.toThrow("enough");
});

it("names the reason when it cannot be had", async () => {
  await expect(withFileLock(join(dir, "none/lock"), async () => 0)).rejects.toThrow(
    /KX_CLUSTER_ASSETS_LOCK.*No such file/,
  );
});
