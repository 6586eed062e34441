import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { defineCniPlugin } from "./define-plugin.ts";
import { runCniPlugin } from "./run-plugin.ts";

const env = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "a1",
  CNI_NETNS: "/proc/self/ns/net",
  CNI_NETNS_OVERRIDE: "1",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/nowhere",
};
const config = JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "made" });

/** Reads an input of a plug-in in three chunks. */
async function* chunks(whole: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(whole);
  yield bytes.subarray(0, 5);
  yield bytes.subarray(5, 6);
  yield bytes.subarray(6);
}

function sink() {
  const written: string[] = [];
  return { write: (piece: string) => written.push(piece), text: () => written.join("") };
}

describe("runCniPlugin", () => {
  it("answers on its edge of the process and gives the exit code", async () => {
    const [stdout, stderr] = [sink(), sink()];
    const name = "an ümläut of two bytes";
    const input = JSON.stringify({ ...(JSON.parse(config) as object), name: "net", note: name });
    const plugin = defineCniPlugin({
      name: "made",
      add: async (request) => ({ interfaces: [{ name: String(Reflect.get(request.config, "note")) }] }),
      del: async () => undefined,
    });
    const signal = new AbortController().signal;
    expect(await runCniPlugin(plugin, { env, stdin: chunks(input), stdout, stderr, signal })).toBe(0);
    expect(JSON.parse(stdout.text())).toEqual({ cniVersion: "1.1.0", interfaces: [{ name }] });
    expect(stderr.text()).toBe("");
  });

  it("writes the log's lines in their order before it ends, of its level and above, without secrets", async () => {
    const [stdout, stderr] = [sink(), sink()];
    const plugin = defineCniPlugin({
      name: "made",
      async add(_request, ctx) {
        ctx.log.debug({}, "left out");
        ctx.log.info({ password: "hunter2" }, "first");
        ctx.log.child({ link: "veth0" }).warn({}, "second");
        throw new Error("no link");
      },
      del: async () => undefined,
    });
    const signal = new AbortController().signal;
    const verbose = { ...env, KX_CNI_LOG: "info" };
    expect(await runCniPlugin(plugin, { env: verbose, stdin: chunks(config), stdout, stderr, signal })).toBe(1);
    const lines = stderr
      .text()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ msg }) => msg)).toEqual(["first", "second", "unforeseen failure"]);
    expect(lines[1]).toMatchObject({ level: "warn", link: "veth0", containerId: "a1" });
    expect(stderr.text()).not.toContain("hunter2");
    expect(JSON.parse(stdout.text())).toMatchObject({ code: 999, msg: "no link" });
  });
});

describe("a process", () => {
  /** A plug-in whose ADD is the given code, as a process of its own. */
  function start(add: string) {
    const program = `
      import { defineCniPlugin } from ${JSON.stringify(new URL("define-plugin.ts", import.meta.url).href)};
      import { runCniPlugin } from ${JSON.stringify(new URL("run-plugin.ts", import.meta.url).href)};
      const add = async (request, ctx) => {
        ctx.undo(() => void process.stderr.write("taken back\\n"));
        ${add}
        return {};
      };
      process.exitCode = await runCniPlugin(defineCniPlugin({ name: "made", add, del: async () => {} }));`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { env: { ...env } });
    const [stdout, stderr] = [sink(), sink()];
    child.stdout.setEncoding("utf8").on("data", stdout.write);
    child.stderr.setEncoding("utf8").on("data", stderr.write);
    child.stdin.end(config);
    const ended = once(child, "close").then(() => {
      return { exitCode: child.exitCode, stdout: stdout.text(), stderr: stderr.text() };
    });
    return { child, stderr, ended };
  }

  it("answers for an error that nobody caught, and takes back", async () => {
    const { ended } = start(`
      void Promise.reject(new Error("stray"));
      await new Promise((resolve) => setTimeout(resolve, 1));`);
    const { exitCode, stdout, stderr } = await ended;
    expect([exitCode, JSON.parse(stdout)]).toEqual([1, { cniVersion: "1.1.0", code: 999, msg: "stray" }]);
    expect(stderr).toContain("taken back\n");
  });

  it("answers for a handler that waits for nothing", async () => {
    const { exitCode, stdout } = await start("await new Promise(() => {});").ended;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([1, { code: 999, msg: expect.stringContaining("waits") }]);
  });

  it("takes back and answers when it is asked to end", async () => {
    const {
      child,
      stderr: said,
      ended,
    } = start(`
      process.stderr.write("ready\\n");
      const timer = setInterval(() => {}, 1000);
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      clearInterval(timer);`);
    await vi.waitFor(() => expect(said.text()).toContain("ready"), { timeout: 20_000 });
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await ended;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([1, { code: 11 }]);
    expect(stderr).toBe("ready\ntaken back\n");
  });
});
