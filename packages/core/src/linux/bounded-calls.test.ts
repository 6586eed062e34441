import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createBoundedCalls } from "./bounded-calls.ts";

let folder = "";
let fifo = "";
let other = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-bounded-"));
  [fifo, other] = [join(folder, "fifo"), join(folder, "other")];
  // Opening it blocks in the kernel until somebody writes, as a file of a server does that does not answer.
  execFileSync("mkfifo", [fifo, other]);
  await writeFile(join(folder, "file"), "content");
});
afterAll(() => rm(folder, { recursive: true }));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("createBoundedCalls", () => {
  it("tells of files and file systems, and reads", async () => {
    await using calls = createBoundedCalls();
    expect(await calls.stat(join(folder, "file"))).toMatchObject({ kind: "file", sizeBytes: 7 });
    expect(await calls.stat(folder)).toMatchObject({ kind: "folder", uid: process.getuid?.() });
    expect(await calls.statfs(folder)).toMatchObject({
      totalBytes: expect.any(BigInt),
      freeInodes: expect.any(BigInt),
    });
    expect(Buffer.from(await calls.read(join(folder, "file"), 4)).toString()).toBe("cont");
    expect(Buffer.from(await calls.read(join(folder, "file"), 400)).toString()).toBe("content");
  });

  it("fails with call, path and error as the kernel does", async () => {
    await using calls = createBoundedCalls();
    await expect(calls.stat(join(folder, "none"))).rejects.toMatchObject({
      code: "KX_LINUX_SYSCALL",
      details: { syscall: "stat", path: join(folder, "none"), errno: "ENOENT" },
      message: expect.stringMatching(/stat .*none: ENOENT \(no such file or directory\)/),
    });
  });

  it("gives up a call that hangs, naming it, while others go on in other processes and beyond the pool's size", async () => {
    await using calls = createBoundedCalls({ processes: 2 });
    const hanging = [fifo, other].map((path) => calls.read(path, 1, { deadlineMs: 700 }));
    const late = Promise.allSettled(hanging);
    // Both processes hang: this one waits, and gets the first that takes the place of one given up.
    const waiting = calls.stat(join(folder, "file"));
    expect((await late).map((one) => one.status === "rejected" && String(one.reason))).toEqual([
      expect.stringContaining(`[KX_LINUX_CALL_HUNG] read ${fifo} did not return within 0.7 s`),
      expect.stringContaining(`[KX_LINUX_CALL_HUNG] read ${other} did not return within 0.7 s`),
    ]);
    expect(await waiting).toMatchObject({ kind: "file" });
    await vi.waitFor(() => expect(calls.hung).toEqual([]), 5000);
  });

  it("gives up a call whose turn never came, and keeps what another waits for", async () => {
    await using calls = createBoundedCalls({ processes: 1 });
    const stop = new AbortController();
    const hanging = calls.read(fifo, 1, { signal: stop.signal });
    const late = calls.stat(folder, { deadlineMs: 50 });
    const waiting = calls.stat(folder);
    await expect(late).rejects.toThrow(/stat .* found no free process within 0.05 s/);
    stop.abort(new Error("enough"));
    await expect(hanging).rejects.toThrow("enough");
    expect(await waiting).toMatchObject({ kind: "folder" });
  });

  it("refuses a path at once while a call still hangs there, and keeps the loop free meanwhile", async () => {
    await using calls = createBoundedCalls();
    const first = calls.read(fifo, 1, { deadlineMs: 400 });
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    // Seen before the exit of the killed process can have been: in the same turn.
    const again = first.catch(() => calls.stat(fifo));
    await expect(again).rejects.toMatchObject({
      code: "KX_LINUX_CALL_HUNG",
      retryable: true,
      details: { call: "stat", path: fifo },
      message: expect.stringContaining("read still hangs there"),
    });
    clearInterval(turning);
    expect(turns).toBeGreaterThan(20);
    await vi.waitFor(async () => expect(await calls.stat(fifo)).toMatchObject({ kind: "other" }), 5000);
  });

  it("answers a call that only took its time", async () => {
    await using calls = createBoundedCalls();
    const reading = calls.read(fifo, 2);
    const writer = await open(fifo, "w");
    await writer.write("ok");
    await writer.close();
    expect(Buffer.from(await reading).toString()).toBe("ok");
  });

  it.runIf(process.platform === "linux")("leaves no process behind when its own is killed", async () => {
    const module = JSON.stringify(new URL("bounded-calls.ts", import.meta.url).href);
    const program = `
      import { readFileSync } from "node:fs";
      import { createBoundedCalls } from ${module};
      const calls = createBoundedCalls({ processes: 1 });
      await calls.stat("/");
      calls.read(${JSON.stringify(fifo)}, 1);
      console.log(readFileSync("/proc/self/task/" + process.pid + "/children", "utf8"));`;
    const args = ["--input-type=module", "--eval", program];
    const parent = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(parent.stdout.setEncoding("utf8"), "data");
    const pid = Number(String(line).trim());
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5000);
  });
});
