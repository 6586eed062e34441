import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectNoLeaks, type HostSnapshot, takeSnapshot } from "@kx/cluster/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "../../../..");

/** A newcomer's environment: this machine's own Node.js, nothing of the npm run that these tests are part of. */
function strangersEnv(dir: string): NodeJS.ProcessEnv {
  const env = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD|NODE|VITEST|KX_DIR|FORCE_COLOR)/i.test(name),
  );
  const path = (process.env["PATH"] ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  return { ...Object.fromEntries(env), PATH: path.join(":"), KX_DIR: dir };
}

describe("the README's first command on a clean clone", () => {
  let before: HostSnapshot;
  let parent: string;
  let clone: string;
  let dir: string;

  /** Runs to the end, or until `stopAt` shows up in its output. */
  function run(
    command: string,
    args: string[],
    stopAt?: string,
  ): Promise<{ code: number | null; output: string; child: ChildProcess }> {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd: existsSync(clone) ? clone : parent,
        env: strangersEnv(dir),
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      const take = (chunk: Buffer): void => {
        output += chunk.toString();
        if (stopAt !== undefined && output.includes(stopAt)) resolve({ code: null, output, child });
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, output, child }));
    });
  }

  const ownerPid = async (): Promise<number> => {
    const { owner } = JSON.parse(await readFile(join(dir, "state.json"), "utf8")) as { owner: { pid: number } };
    return owner.pid;
  };

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "kxc-"));
    clone = join(parent, "kx");
    dir = join(parent, "c");
    expect(await run("git", ["clone", "--quiet", repository, clone])).toMatchObject({ code: 0 });
    const install = await run("npm", ["ci", "--no-audit", "--no-fund"]);
    expect(install.code, install.output).toBe(0);
    before = await takeSnapshot();
  }, 600_000);

  afterAll(async () => {
    await run("npm", ["stop"]);
    await rm(parent, { recursive: true, force: true });
  });

  it("shows a Foo at work, finds it up the second time, and `npm stop` leaves nothing", {
    timeout: 1_800_000,
  }, async () => {
    const first = await run("npm", ["start"]);
    expect(first.code, first.output).toBe(0);
    for (const seen of [/✓ the Foo controller made/, /✓ [0-9a-f]{16}: made in this run/, /stand-in/, /kubeconfig: /]) {
      expect(first.output).toMatch(seen);
    }
    const owner = await ownerPid();
    const second = await run("npm", ["start"]);
    expect(second.code, second.output).toBe(0);
    expect(second.output).toMatch(/✓ [0-9a-f]{16}: made in this run/);
    expect(await ownerPid()).toBe(owner);
    const stop = await run("npm", ["stop"]);
    expect(stop.code, stop.output).toBe(0);
    await expectNoLeaks(before, { timeoutMs: 20_000 });
    expect(existsSync(dir)).toBe(false);
  });

  it("starts again after a SIGKILL of everything in the middle of a start", { timeout: 300_000 }, async () => {
    const { child, output } = await run("npm", ["start"], "making the nodes");
    expect(output).toContain("making the nodes");
    process.kill(await ownerPid(), "SIGKILL");
    process.kill(-(child.pid ?? 0), "SIGKILL");
    const again = await run("npm", ["start"]);
    expect(again.code, again.output).toBe(0);
    expect(again.output).toMatch(/✓ the Foo controller made/);
    process.kill(await ownerPid(), "SIGKILL");
    const stop = await run("npm", ["stop"]);
    expect(stop.code, stop.output).toBe(0);
    await expectNoLeaks(before, { timeoutMs: 20_000 });
    expect(existsSync(dir)).toBe(false);
  });
});
