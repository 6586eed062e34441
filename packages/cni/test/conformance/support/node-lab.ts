import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { JsonObject } from "@kx/core/contracts/cni";
import { installReference } from "../../support/executables.ts";
import { makeHost, type TestHost } from "../../support/host.ts";
import { inputOf, type NetworkCall } from "../../support/pod-network.ts";

/** What an executed plug-in came to. */
export interface Executed {
  readonly exitCode: number;
  /** What it printed; undefined if that was nothing. */
  readonly output: unknown;
  readonly stderr: string;
}

/** A node, which is a network namespace, with executables of plug-ins. */
export interface NodeLab extends AsyncDisposable {
  readonly host: TestHost;
  /** Folder of all that a test needs; it is removed in the end. */
  readonly folder: string;
  /** Folder of the executables. */
  readonly bin: string;
  /** Folder of the leases. */
  readonly dataDir: string;
  /** Runs a program on the node. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, stdin?: string): Promise<Executed>;
  /** Runs the plug-in of a call's type. */
  call(call: NetworkCall): Promise<Executed>;
  /** The addresses that are leased in a network. */
  leases(network?: string): readonly string[];
  /** Writes a network's configuration where cnitool looks for it. */
  network(list: JsonObject): void;
}

/**
 * Makes a node with our executables, and those at these paths.
 *
 * @param node - the node; it is disposed of with the rest. Default: a new one.
 */
export async function makeNodeLab(others: readonly string[] = [], node?: TestHost): Promise<NodeLab> {
  const host = node ?? (await makeHost());
  const folder = mkdtempSync(join(tmpdir(), "kx-cni-node-"));
  const [bin, dataDir, confDir] = [join(folder, "bin"), join(folder, "leases"), join(folder, "net.d")];
  for (const each of [bin, dataDir, confDir, join(folder, "cni")]) mkdirSync(each);
  await installReference(bin);
  for (const path of others) copyFileSync(path, join(bin, path.slice(path.lastIndexOf("/") + 1)));

  const run: NodeLab["run"] = async (program, args, env, stdin = "") => {
    const child = spawn("nsenter", [`--net=${host.netns.path}`, program, ...args], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: "pipe",
    });
    child.stdin.on("error", () => {
      // It has not read all, and its exit code tells why.
    });
    const closed = once(child, "close");
    child.stdin.end(stdin);
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code]: readonly unknown[] = await closed;
    return { exitCode: Number(code), output: parse(stdout), stderr };
  };
  return {
    host,
    folder,
    bin,
    dataDir,
    run,
    call(call) {
      const { env, stdin } = inputOf(call);
      return run(join(bin, call.type ?? "kx-bridge"), [], { ...env, CNI_PATH: bin }, stdin);
    },
    leases: (name = "kxnet") => leasesIn(join(dataDir, name)),
    network: (list) => writeFileSync(join(confDir, `10-${String(list["name"])}.conflist`), JSON.stringify(list)),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true });
      await host[Symbol.asyncDispose]();
    },
  };
}

/** Why these tests cannot run here; undefined if they can. With CI=true that is a failure. */
export function whyNot(): string | undefined {
  const why =
    process.platform === "linux" && process.getuid?.() === 0 ? undefined : "network namespaces need root on Linux";
  if (why !== undefined && process.env["CI"] === "true") throw new Error(why);
  return why;
}

function parse(stdout: string): unknown {
  if (stdout === "") return undefined;
  try {
    return JSON.parse(stdout) as unknown;
  } catch {
    return stdout;
  }
}

function leasesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[\d.]+$|:/.test(name))
      .toSorted();
  } catch {
    // It is made with the first lease.
    return [];
  }
}
