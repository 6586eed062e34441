import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kx-worker-calls-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

it("is waited for at its end, although an answer comes in between that nobody waits for", async () => {
  const source = JSON.stringify(join(import.meta.dirname, "worker-calls.ts"));
  writeFileSync(
    join(folder, "worker.mjs"),
    `import { serveWorkerCalls } from ${source};\nserveWorkerCalls({ now: () => 1 });`,
  );
  writeFileSync(
    join(folder, "program.mjs"),
    `import { startWorkerCalls } from ${source};
    const worker = startWorkerCalls(new URL("worker.mjs", import.meta.url));
    await worker.call("now");
    worker.call("now").catch(() => undefined);
    // Long enough that the answer is there.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await worker[Symbol.asyncDispose]();
    console.log("ended");`,
  );
  // With 13, Node says that its loop was empty although the program waits.
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "program.mjs")]);
  expect(stdout).toBe("ended\n");
});
