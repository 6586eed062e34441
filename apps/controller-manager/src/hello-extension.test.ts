import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const built = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const example = fileURLToPath(new URL("../../../examples/hello-extension", import.meta.url));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-hello-"));
  await cp(example, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the host until it has said `text`; gives the line that says so, and what it shows of its extensions. */
async function run(args: readonly string[], text: string) {
  const host = spawn(process.execPath, [built, "--health-port=0", ...args], {
    env: {},
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(host, "exit");
  let url = "";
  let said: Record<string, unknown> = {};
  for await (const line of createInterface({ input: host.stderr, signal: AbortSignal.timeout(15_000) })) {
    url ||= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? "";
    if (!line.includes(`"msg":"${text}"`)) continue;
    said = JSON.parse(line);
    break;
  }
  const { extensions } = (await (await fetch(`${url}/extensions`)).json()) as { extensions: unknown };
  host.stderr.resume();
  host.kill("SIGTERM");
  return { hostPid: host.pid, said, extensions, exit: await exited };
}

describe("the example extension, in a folder outside of the repository", () => {
  it("is loaded by name into the host's process, and shown", async () => {
    const args = [`--config=${folder}/host.yaml`, `--extensions-dir=${folder}/extensions`];
    const { hostPid, said, extensions, exit } = await run(args, "hello from the host");
    expect(said).toMatchObject({ extension: "hello", pid: hostPid });
    expect(extensions).toEqual([
      {
        name: "hello",
        version: "1.0.0",
        kind: "controller",
        isolation: "shared",
        isReady: true,
        runnables: [{ name: "hello/greeter", group: "worker", isReady: true, restarts: 0 }],
      },
    ]);
    expect(exit).toEqual([0, null]);
  });

  it("is loaded by name into a process of its own, and shown", async () => {
    const args = [`--config=${folder}/isolated.yaml`, `--extensions-dir=${folder}/extensions`];
    const { hostPid, said, extensions, exit } = await run(args, "hello from a process");
    expect(said).toMatchObject({ extension: "hello", pid: expect.any(Number) });
    expect(said["pid"]).not.toBe(hostPid);
    expect(extensions).toEqual([expect.objectContaining({ name: "hello", isolation: "process", pid: said["pid"] })]);
    expect(exit).toEqual([0, null]);
  });

  it("is not found without its folder, with a text that says where it was looked for", () => {
    const args = [built, `--config=${folder}/host.yaml`, "--extensions-dir=/nonexistent"];
    let failure: { status?: number; stderr?: string } = {};
    try {
      execFileSync(process.execPath, args, { env: {}, encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      failure = error as typeof failure;
    }
    expect(failure.status).toBe(2);
    expect(failure.stderr).toMatch(
      /KX_HOST_EXTENSION_NOT_FOUND.*@example\/hello \(extensions\[0\]\).*host\.yaml nor in \/nonexistent\/ nor beside .*main\.js/,
    );
  });

  it("is well typed", async () => {
    const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
    await symlink(modules, join(folder, "node_modules"));
    const options = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--types",
      "node",
      "--skipLibCheck",
    ];
    const source = join(folder, "extensions/@example/hello/index.ts");
    execFileSync(join(modules, ".bin/tsc"), [...options, source], { cwd: folder, stdio: "inherit" });
  });
});
