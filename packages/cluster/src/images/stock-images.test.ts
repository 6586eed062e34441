import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { access, chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { elfInterpreter } from "./elf.ts";
import { busyboxImage, initScript, nginxStandIn, pauseImage } from "./stock-images.ts";

const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-stock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hasBusybox = await access("/bin/busybox").then(
  () => true,
  () => false,
);

describe.runIf(hasBusybox)("busyboxImage", () => {
  it("has every applet as a link and a writable /tmp", async () => {
    const { files, config } = await busyboxImage(["localhost/busybox:1"]);
    expect(config).toEqual({ cmd: ["sh"] });
    expect(files).toContainEqual({ type: "symlink", path: "/bin/httpd", target: "busybox" });
    expect(files).toContainEqual({ type: "symlink", path: "/bin/[", target: "busybox" });
    expect(files).toContainEqual({ type: "dir", path: "/tmp", mode: 0o1777 });
    expect(files.filter((file) => file.path === "/bin/busybox")).toHaveLength(1);
  });

  it("runs a command under the init that passes signals on", async () => {
    const { config } = await busyboxImage(["localhost/busybox:1"], { command: ["sleep", "3600"] });
    expect(config).toEqual({ entrypoint: ["/sbin/kx-init"], cmd: ["sleep", "3600"] });
  });

  it("says what the stand-in for nginx is", async () => {
    const image = await nginxStandIn();
    expect(image.names).toEqual(["docker.io/library/nginx:latest"]);
    expect(image.config).toMatchObject({ exposedPorts: [80], labels: { "dev.kx.stand-in": "true" } });
    const page = image.files.find((file) => file.path === "/usr/share/nginx/html/index.html");
    expect(page?.type === "file" ? page.content : undefined).toMatch(/not nginx/);
  });
});

describe("busyboxImage without a usable busybox", () => {
  it.each(["none", "/bin/false"])("names %s and the package to install", async (path) => {
    const busybox = path === "none" ? join(folder, "none") : path;
    await expect(busyboxImage(["localhost/busybox:1"], { busybox })).rejects.toMatchObject({
      code: "KX_CLUSTER_IMAGE_BUSYBOX",
      message: expect.stringMatching(/busybox-static/) as unknown,
    });
  });
});

it("runs pause as nobody's user", () => {
  expect(pauseImage("/x/pause")).toMatchObject({
    names: ["localhost/pause:1"],
    files: [{ type: "file", path: "/pause", content: { from: "/x/pause" }, mode: 0o755 }],
    config: { entrypoint: ["/pause"] },
  });
});

describe("elfInterpreter", () => {
  it("is undefined for what is no ELF program", () => {
    expect(elfInterpreter(Buffer.from("#!/bin/sh\n"))).toBeUndefined();
    expect(elfInterpreter(new Uint8Array())).toBeUndefined();
  });

  it("finds the loader in the program headers", () => {
    const program = Buffer.alloc(64 + 56 + 16);
    program.write("\x7fELF\x02\x01", "latin1");
    program.writeBigUInt64LE(64n, 32);
    program.writeUInt16LE(56, 54);
    program.writeUInt16LE(1, 56);
    program.writeUInt32LE(3, 64);
    program.writeBigUInt64LE(120n, 64 + 8);
    program.writeBigUInt64LE(16n, 64 + 32);
    program.write("/lib/ld.so\0", 120);
    expect(elfInterpreter(program)).toBe("/lib/ld.so");
    program.writeUInt32LE(1, 64);
    expect(elfInterpreter(program)).toBeUndefined();
  });
});

describe("the init script", () => {
  let script: string;
  beforeEach(async () => {
    script = join(folder, "init");
    await writeFile(script, initScript);
    await chmod(script, 0o755);
  });

  it("ends with its child's status", async () => {
    await expect(run(script, ["sh", "-c", "exit 7"])).rejects.toMatchObject({ code: 7 });
    await expect(run(script, ["true"])).resolves.toBeDefined();
  });

  it("passes SIGTERM on and waits for the child's own end", async () => {
    const child = spawn(
      script,
      ["sh", "-c", 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done'],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (text.includes("ready")) child.kill("SIGTERM");
    });
    await once(child, "close");
    expect({ code: child.exitCode, output }).toEqual({ code: 3, output: "ready\nbye\n" });
  });

  it.runIf(hasBusybox && process.getuid?.() === 0)("ends on SIGTERM as PID 1, under busybox's shell", async () => {
    const command = ["/bin/busybox", "sh", script, "/bin/busybox", "sleep", "100000"];
    const unshare = spawn("unshare", ["--pid", "--fork", "--kill-child", ...command], { stdio: "ignore" });
    try {
      const childrenOf = (pid: number | string) => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
      let init = "";
      await expect
        .poll(() => (init = childrenOf(unshare.pid ?? 0)) !== "" && childrenOf(init) !== "", { timeout: 10_000 })
        .toBe(true);
      process.kill(Number(init), "SIGTERM");
      await once(unshare, "exit", { signal: AbortSignal.timeout(10_000) });
      expect(unshare.exitCode).toBe(143);
    } finally {
      unshare.kill("SIGKILL");
    }
  });
});
