import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const program = join(import.meta.dirname, "../../bin/kx-csi-hostpath.mjs");

/** The hostpath driver as a process, in a mount namespace of its own so that nothing is left mounted on the machine. */
export interface DriverProcess extends AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  readonly socket: string;
  readonly pid: number;
  /** What it wrote so far. */
  log(): string;
  /** Runs a program where the driver's mounts are seen. */
  readonly inside: (file: string, args: readonly string[]) => Promise<string>;
  /** Resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts it again on the same folder, in the same namespace, with more arguments if there are. */
  restart(more?: readonly string[]): Promise<void>;
}

/** Starts the driver and waits until it is ready. */
export async function startHostpath(args: readonly string[] = [], entry = program): Promise<DriverProcess> {
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-driver-"));
  const [stateDir, socket] = [join(folder, "state"), join(folder, "csi.sock")];
  // Keeps the namespace while the driver is restarted.
  const keeper = spawn("unshare", ["--mount", "--propagation", "private", "sleep", "infinity"], { stdio: "ignore" });
  const namespace = ["--target", String(keeper.pid), "--mount", "--"];
  await until(() => isOwnNamespace(keeper.pid), "a mount namespace of its own");
  let output = "";
  let child: ReturnType<typeof spawn>;
  let ended: Promise<number | null>;

  const start = async (more: readonly string[] = []) => {
    const own = ["--endpoint", `unix://${socket}`, "--node-id", "node-1", "--state-dir", stateDir];
    const flags = [...own, ...args, ...more];
    const before = output.length;
    child = spawn("nsenter", [...namespace, process.execPath, entry, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout?.on("data", (text) => (output += String(text)));
    child.stderr?.on("data", (text) => (output += String(text)));
    const exit = Promise.withResolvers<number | null>();
    child.on("exit", exit.resolve);
    ended = exit.promise;
    await until(() => {
      if (child.exitCode !== null) throw new Error(`the driver has ended: ${output}`);
      return output.slice(before).includes("driver ready");
    }, `the driver to be ready: ${output}`);
  };
  const stop = (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    return ended;
  };
  const end = async () => {
    await stop("SIGKILL");
    for (const device of await loopsOf(folder)) await run("losetup", ["--detach", device]);
    keeper.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    folder,
    stateDir,
    socket,
    get pid() {
      return child.pid ?? 0;
    },
    log: () => output,
    inside: async (file, rest) =>
      (await run("nsenter", [...namespace, file, ...rest], { maxBuffer: 64 * 1024 ** 2 })).stdout,
    stop,
    restart: start,
    [Symbol.asyncDispose]: end,
  };
}

/** The loop devices of files in a folder. */
export async function loopsOf(folder: string): Promise<readonly string[]> {
  const { stdout } = await run("losetup", ["--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(`${folder}/`))
    .map((line) => line.split(" ")[0] ?? "");
}

/** Waits for a condition, for at most half a minute unless told otherwise. What it throws ends the waiting. */
export async function until(
  isMet: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs: number = 30_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await isMet())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

async function isOwnNamespace(pid: number | undefined): Promise<boolean> {
  if (!existsSync(`/proc/${pid}/comm`)) return false;
  // unshare has become sleep only when the namespace is made.
  return (await readFile(`/proc/${pid}/comm`, "utf8")).trim() === "sleep";
}
