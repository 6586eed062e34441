import { readFileSync } from "node:fs";
import { chmod, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kx/core";
import { collectingLogger, fakeClock } from "@kx/core/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineCniPlugin } from "./define-plugin.ts";
import { executePlugin, findPlugin } from "./executable.ts";
import { handleCniCall } from "./handle-call.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-cni-exec-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function script(name: string, body: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

const never = new AbortController().signal;
const base = { type: "ipam", env: { PATH: process.env["PATH"] }, stdin: "{}", signal: never, clock: systemClock };

describe("findPlugin", () => {
  it("takes the first folder of the path that has a file of that name", async () => {
    const file = await script("ipam", "");
    expect(findPlugin("ipam", ["/nowhere", folder, "/tmp"])).toBe(file);
    expect(() => findPlugin("ipam", ["/nowhere"])).toThrow('there is no plug-in "ipam" in /nowhere');
  });

  it.each(["", ".", "..", "bin/sh", "/bin/sh"])("does not leave its folders for %j", (type) => {
    expect(() => findPlugin(type, ["/", "/bin", folder])).toThrow("a type is a file's name");
  });
});

describe("executePlugin", () => {
  it("gives standard output, passes standard error on, and needs no reader of standard input", async () => {
    const file = await script("ipam", 'echo "talk" >&2; echo "[$GIVEN]"');
    const said: string[] = [];
    const env = { ...base.env, GIVEN: "yes" };
    const stdin = "x".repeat(1_000_000);
    const stdout = await executePlugin({ ...base, env, stdin, file, onStderr: (text) => said.push(text) });
    expect(stdout).toBe("[yes]\n");
    expect(said).toEqual(["talk\n"]);
  });

  it("throws the plug-in's own error", async () => {
    const file = await script("ipam", `echo '{"code":111,"msg":"no lease","details":"all taken"}'; exit 3`);
    await expect(executePlugin({ ...base, file })).rejects.toMatchObject({
      code: "KX_CNI_PLUGIN",
      reason: "no lease",
      details: { cniCode: 111, cniDetails: "all taken", plugin: "ipam" },
    });
  });

  it.each([
    ["echo broken >&2; exit 2", "the plug-in ipam ended with exit code 2: broken"],
    ["echo text; exit 1", "the plug-in ipam ended with exit code 1: text"],
    ["exit 1", "the plug-in ipam ended with exit code 1 and said nothing"],
    ["kill -9 $$", "the plug-in ipam ended with SIGKILL and said nothing"],
  ])("tells what is known where it printed no error: %s", async (body, message) => {
    const file = await script("ipam", body);
    await expect(executePlugin({ ...base, file })).rejects.toMatchObject({
      reason: message,
      details: { cniCode: 999 },
    });
  });

  it("tells that a file cannot be run", async () => {
    const file = await script("ipam", "");
    await chmod(file, 0o644);
    await expect(executePlugin({ ...base, file })).rejects.toThrow(/cannot be run: .*EACCES/);
  });

  it("tries again while the file is being written, each second and five times", async () => {
    const file = await script("ipam", "echo ran");
    const clock = fakeClock();
    const writer = await open(file, "r+");
    const busy = executePlugin({ ...base, file, clock });
    const failed = expect(busy).rejects.toThrow("ETXTBSY");
    for (let tries = 0; tries < 5; tries++) {
      await clock.untilSleeping();
      await clock.advance(1000);
    }
    await failed;
    const later = executePlugin({ ...base, file, clock });
    await clock.untilSleeping();
    await writer.close();
    await clock.advance(1000);
    expect(await later).toBe("ran\n");
  });

  it.each([false, true])("kills the plug-in when its caller gives up (own group: %s)", async (ownGroup) => {
    const pidFile = join(folder, "pid");
    // The child of the script holds its outputs open.
    const file = await script("ipam", `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; sleep 600 & wait`);
    const controller = new AbortController();
    const running = executePlugin({ ...base, file, ownGroup, signal: controller.signal });
    const failed = expect(running).rejects.toMatchObject({ code: "KX_CNI_CANCELLED" });
    const pid = Number(await vi.waitFor(() => readFile(pidFile, "utf8"), { timeout: 20_000 }));
    const sleeper = Number(
      await vi.waitFor(() => readFile(`/proc/${pid}/task/${pid}/children`, "utf8").then(nonEmpty), { timeout: 20_000 }),
    );
    controller.abort();
    await failed;
    expect(isAlive(pid)).toBe(false);
    if (ownGroup) await vi.waitFor(() => expect(isAlive(sleeper)).toBe(false), { timeout: 20_000 });
    else process.kill(sleeper, "SIGKILL");
  });

  it("starts nothing for a caller that has given up already", async () => {
    const made = join(folder, "made");
    const file = await script("ipam", `touch ${made}`);
    const signal = AbortSignal.abort();
    await expect(executePlugin({ ...base, file, signal })).rejects.toThrow();
    await expect(readFile(made)).rejects.toThrow("ENOENT");
  });
});

describe("delegation to an executable", () => {
  const config = { cniVersion: "0.3.1", name: "net", type: "main", ipam: { type: "ipam", pool: "blue" } };
  const main = defineCniPlugin({
    name: "main",
    add: async (_request, ctx) => {
      const result = await ctx.delegate("ipam");
      if (ctx.deadline !== undefined) throw new Error("too late");
      return result;
    },
    del: async (_request, ctx) => void (await ctx.delegate("ipam")),
  });
  const env = () => ({
    ...base.env,
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "a1",
    CNI_NETNS: "/proc/self/ns/net",
    CNI_NETNS_OVERRIDE: "1",
    CNI_IFNAME: "eth0",
    CNI_PATH: `/nowhere:${folder}`,
    TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  });
  const recording = () =>
    script(
      "ipam",
      `cat > ${folder}/stdin.$CNI_COMMAND; env > ${folder}/env.$CNI_COMMAND; echo "note" >&2
       [ $CNI_COMMAND = ADD ] && echo '{"cniVersion":"0.2.0","ip4":{"ip":"10.7.0.2/16"}}'; exit 0`,
    );

  it("gives the complete configuration and all variables, passes standard error on, converts the result", async () => {
    await recording();
    const call = { env: env(), stdin: JSON.stringify(config) };
    const outcome = await handleCniCall(main, call, { log: collectingLogger() });
    expect(JSON.parse(outcome.stdout)).toEqual({
      cniVersion: "0.3.1",
      ips: [{ version: "4", address: "10.7.0.2/16" }],
    });
    expect(outcome.stderr).toBe("note\n");
    expect(JSON.parse(await readFile(join(folder, "stdin.ADD"), "utf8"))).toEqual(config);
    const given = await readFile(join(folder, "env.ADD"), "utf8");
    for (const [name, value] of Object.entries(call.env)) expect(given).toContain(`${name}=${value}`);
  });

  it("calls its DEL when the ADD fails after it", async () => {
    await recording();
    const call = { env: env(), stdin: JSON.stringify(config) };
    const outcome = await handleCniCall(main, call, { log: collectingLogger(), deadline: 1 });
    expect(outcome.stdout).toContain("too late");
    expect(JSON.parse(await readFile(join(folder, "stdin.DEL"), "utf8"))).toEqual(config);
  });

  it.each([
    ['echo \'{"code":11,"msg":"busy"}\'; exit 1', { code: 11, msg: "busy" }],
    ["echo nonsense", { code: 999, msg: expect.stringContaining("printed is no result: it is no JSON") }],
    ['echo \'{"cniVersion":"3.0.0"}\'', { code: 999, msg: expect.stringContaining('has the version "3.0.0"') }],
  ])("gives its error: %s", async (body, expected) => {
    await script("ipam", body);
    const call = { env: env(), stdin: JSON.stringify(config) };
    const outcome = await handleCniCall(main, call, { log: collectingLogger() });
    expect(JSON.parse(outcome.stdout)).toMatchObject(expected);
  });
});

function nonEmpty(text: string): string {
  if (text.trim() === "") throw new Error("empty");
  return text;
}

/** Whether a process is there and is no zombie, whose parent has yet to look at it. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
