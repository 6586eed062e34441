import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterProcess } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kx } from "./run-kx.ts";

interface Status {
  readonly processes: readonly ClusterProcess[];
  readonly extensions: readonly { readonly name: string; readonly pid?: number; readonly restarts: number }[];
}

let parent = "";
let dir = "";
let config = "";
let flags: string[] = [];
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "kxe-"));
  dir = join(parent, "c");
  config = join(parent, "hello/host.yaml");
  flags = ["--config", config, "--extensions-dir", join(parent, "hello/extensions")];
  const example = fileURLToPath(new URL("../../../../examples/hello-extension", import.meta.url));
  await cp(example, join(parent, "hello"), { recursive: true });
});
afterAll(async () => {
  await kx(dir, "down");
  await rm(parent, { recursive: true, force: true });
});

async function status(): Promise<Status> {
  return JSON.parse((await kx(dir, "status", "-o", "json")).stdout) as Status;
}

/** Waits until status shows exactly this of its extensions. */
function untilShown(...expected: object[]): Promise<void> {
  const shown = async () => (await status()).extensions;
  return expect
    .poll(shown, { timeout: 30_000, interval: 200 })
    .toEqual(expected.map((one): unknown => expect.objectContaining(one)));
}

/** The cells of the table of extensions, without its headings. */
async function table(): Promise<string[][]> {
  const [, rows = ""] = (await kx(dir, "status")).stdout.split(/^EXTENSION .*\n/m);
  return rows
    .trimEnd()
    .split("\n")
    .map((row) => row.split(/ {3,}/));
}

const hello = { name: "hello", version: "1.0.0", kind: "controller", host: "controller-manager" };

// One story on one control plane: each test goes on from where the one before it left off.
describe("an extension in a folder outside of the repository", () => {
  it("is checked before anything starts", async () => {
    const nowhere = await kx(dir, "up", "--control-plane-only", "--config", config, "--extensions-dir", parent);
    expect(nowhere).toMatchObject({ code: 1, stdout: "" });
    expect(nowhere.stderr).toMatch(/KX_CLI_EXTENSIONS.*host\.yaml.*@example\/hello \(extensions\[0\]\): not found/);
    const wrong = join(parent, "wrong.yaml");
    await writeFile(wrong, (await readFile(config, "utf8")).replace("options:", "optons:"));
    const refused = await kx(dir, "up", "--control-plane-only", "--config", wrong);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/KX_CONFIG_INVALID.*extensions\[0\]\.optons.*wrong\.yaml; did you mean options\?/);
    expect(await kx(dir, "status")).toMatchObject({ stdout: expect.stringContaining("nothing is running") });
  });

  it("is run by the controller manager, in its process, and shown", async () => {
    const up = await kx(dir, "up", "--control-plane-only", ...flags);
    expect(up, up.stderr).toMatchObject({ code: 0 });
    await untilShown({ ...hello, isolation: "shared", isReady: true, restarts: 0 });
    const { extensions, processes } = await status();
    const manager = processes.find(({ name }) => name === "controller-manager");
    expect(extensions[0]?.pid).toBe(manager?.pid);
    expect(await table()).toEqual([
      ["hello", "1.0.0", "controller", "controller-manager", "<none>", "shared", String(manager?.pid), "yes", "0"],
    ]);
  });

  it("is refused in another configuration, and another flag too", async () => {
    const other = await kx(dir, "up", "--dns", "--config", join(parent, "hello/isolated.yaml"));
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("it runs no CoreDNS") });
    expect(other.stderr).toMatch(/configuration is \S+host\.yaml, not \S+isolated\.yaml/);
    expect(await kx(dir, "up", ...flags)).toMatchObject({ code: 0, stderr: "" });
  });

  it("is moved to a process of its own when the file says so, while the cluster runs", async () => {
    const before = (await status()).processes.find(({ name }) => name === "kube-apiserver")?.pid;
    await cp(join(parent, "hello/isolated.yaml"), config);
    const up = await kx(dir, "up", ...flags);
    expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining("its changed configuration") });
    await untilShown({ ...hello, isolation: "process", isReady: true, pid: expect.any(Number), restarts: 0 });
    const { extensions, processes } = await status();
    expect(processes.map(({ pid }) => pid)).not.toContain(extensions[0]?.pid);
    expect(processes.find(({ name }) => name === "kube-apiserver")?.pid).toBe(before);
    expect(await table()).toEqual([
      [
        "hello",
        "1.0.0",
        "controller",
        "controller-manager",
        "<none>",
        "process",
        String(extensions[0]?.pid),
        "yes",
        "0",
      ],
    ]);
  });

  it("is started again when its process is killed, and that is shown", async () => {
    const pid = (await status()).extensions[0]?.pid ?? 0;
    process.kill(pid, "SIGKILL");
    await untilShown({ ...hello, isReady: true, pid: expect.any(Number), restarts: 1 });
    expect((await status()).extensions[0]?.pid).not.toBe(pid);
  });

  it("is not shown while its host does not answer, which is", async () => {
    const pid = (await status()).processes.find(({ name }) => name === "controller-manager")?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      const answer = await kx(dir, "status");
      expect(answer.code).toBe(0);
      expect(answer.stdout).toMatch(
        /^<unknown> .*controller-manager +<none> .*host does not answer: no answer in 2 s/m,
      );
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await untilShown({ ...hello, isReady: true });
  });
});
