import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CniError, JsonObject, Result110 } from "@kx/core/contracts/cni";
import { tryLock } from "@kx/core/linux";
import { build } from "tsup";
import { pluginTypes } from "../../src/plugins.ts";
import type { TestNetns } from "../../src/testing/netns.ts";

const daemonProgram = join(import.meta.dirname, "../e2e/programs/daemon.ts");
const shimScript = join(import.meta.dirname, "../../scripts/build-shim.ts");
const programConfig = join(import.meta.dirname, "../../tsup.bin.config.ts");
const node = process.execPath;

/** A call of an executable. */
export interface LabCall {
  readonly command: string;
  /** Default: `kx-bridge`. */
  readonly type?: string;
  /** Default: `a`. */
  readonly containerId?: string;
  readonly netns?: string;
  /** Where the executables are. Default: the lab's. */
  readonly binDir?: string;
  /** Fields of the configuration, over the lab's own. */
  readonly config?: JsonObject;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What an executable came to. */
export interface LabOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A daemon at work. */
export interface LabDaemon extends AsyncDisposable {
  readonly pid: number;
  /** Ends at once, as by kill -9. */
  crash(): Promise<void>;
  /** Ends as the node agent ends it. Gives the exit code. */
  stop(): Promise<number | null>;
  /** All that it has logged. */
  log(): string;
}

/** A folder with executables, a socket's place and leases, for a host that is a namespace. */
export interface DaemonLab extends Disposable {
  readonly folder: string;
  readonly socketPath: string;
  readonly binDir: string;
  readonly config: JsonObject;
  startDaemon(options?: { readonly drainMs?: number; readonly deleteAtOnce?: boolean }): Promise<LabDaemon>;
  /** Keeps all others from the leases, as another plug-in may: whoever comes to them waits. */
  holdLeases(): Disposable;
  /** Starts an executable as a runtime does. */
  start(call: LabCall): ChildProcess & { readonly outcome: Promise<LabOutcome> };
  call(call: LabCall): Promise<LabOutcome>;
  /** A call that must succeed. */
  done(call: LabCall): Promise<Result110>;
  /** A call that must fail. */
  failed(call: LabCall): Promise<CniError>;
  /** The addresses that are leased. */
  leases(): readonly string[];
  /** The DELs that wait for a daemon. */
  queued(): readonly string[];
  /** The locks that are held, or were left behind. */
  locks(): readonly string[];
}

/** Builds the shim, unless this machine has no compiler: then there is none in the folder. */
function buildShim(folder: string): string | undefined {
  const path = join(folder, "kx-cni-shim");
  execFileSync(node, [shimScript, path]);
  return existsSync(path) ? path : undefined;
}

/** Builds the shim and the bundle of all plug-ins, as they are installed. */
export async function buildPrograms(folder: string): Promise<void> {
  if (buildShim(folder) === undefined) throw needsCompiler();
  await build({ config: programConfig, outDir: folder, clean: false });
}

function needsCompiler(): Error {
  return new Error("this test needs a C compiler, as `npm run build` does");
}

/** Makes a lab with the shim under all plug-ins' names, and no Node program beside it. */
export function daemonLab(host: TestNetns): DaemonLab {
  const folder = mkdtempSync(join(tmpdir(), "kx-daemon-"));
  const [ownBinDir, socketPath] = [folder, join(folder, "run", "cni.sock")];
  const shim = buildShim(folder);
  if (shim === undefined) throw needsCompiler();
  for (const type of pluginTypes) symlinkSync(shim, join(ownBinDir, type));
  const dataDir = join(folder, "leases");
  const config = {
    cniVersion: "1.1.0",
    name: "net",
    bridge: "kx0",
    isGateway: true,
    ipMasq: true,
    ipam: { type: "kx-host-local", dataDir, ranges: [[{ subnet: "10.1.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] },
  };

  function start({
    type = "kx-bridge",
    command,
    containerId = "a",
    netns,
    config: more,
    env,
    binDir = ownBinDir,
  }: LabCall) {
    const variables = {
      PATH: process.env["PATH"] ?? "",
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_IFNAME: "eth0",
      CNI_PATH: binDir,
      KX_CNI_SOCKET: socketPath,
      ...(netns === undefined ? {} : { CNI_NETNS: netns }),
      ...env,
    };
    const { promise, resolve } = Promise.withResolvers<LabOutcome>();
    const child = execFile(
      "nsenter",
      [`--net=${host.path}`, join(binDir, type)],
      { env: variables },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
    // It may have ended without reading.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(JSON.stringify({ ...config, type, ...more }));
    return Object.assign(child, { outcome: promise });
  }

  async function startDaemon({ drainMs = 20_000, deleteAtOnce = false } = {}): Promise<LabDaemon> {
    const atOnce = deleteAtOnce ? ["--at-once"] : [];
    const flags = ["--socket", socketPath, "--drain", String(drainMs), ...atOnce];
    const args = [`--net=${host.path}`, node, daemonProgram, ...flags];
    const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "exit");
    let log = "";
    const isReady = new Promise<void>((resolve, reject) => {
      const read = (data: Buffer) => {
        log += data.toString();
        if (/^ready$/m.test(log)) resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      void ended.then(() => reject(new Error(`the daemon ended: ${log}`)));
    });
    await isReady;
    const end = async (signal: NodeJS.Signals) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    };
    return {
      pid: child.pid ?? 0,
      crash: () => end("SIGKILL"),
      async stop() {
        await end("SIGTERM");
        return child.exitCode;
      },
      log: () => log,
      [Symbol.asyncDispose]: () => end("SIGKILL"),
    };
  }

  const names = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  return {
    folder,
    socketPath,
    binDir: ownBinDir,
    config,
    startDaemon,
    holdLeases() {
      mkdirSync(join(dataDir, "net"), { recursive: true });
      const fd = openSync(join(dataDir, "net", "lock"), "a");
      if (!tryLock(fd)) throw new Error("somebody uses the leases");
      return { [Symbol.dispose]: () => closeSync(fd) };
    },
    start,
    call: (call) => start(call).outcome,
    async done(call) {
      const { exitCode, stdout, stderr } = await start(call).outcome;
      if (exitCode !== 0) throw new Error(`${call.command} failed: ${stdout}${stderr}`);
      return stdout === "" ? {} : JSON.parse(stdout);
    },
    async failed(call) {
      const { exitCode, stdout } = await start(call).outcome;
      if (exitCode === 0) throw new Error(`${call.command} succeeded: ${stdout}`);
      return JSON.parse(stdout);
    },
    leases: () => names(join(dataDir, "net")).filter((name) => /^[\d.]+$/.test(name)),
    queued: () => names(join(folder, "run/cni/deletes")),
    locks: () => names(join(folder, "run/cni/locks")),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
