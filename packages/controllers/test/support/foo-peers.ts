import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { type FooOptions, foo } from "@kx/controllers/foo";
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { collectingLogger } from "@kx/core/testing";

/** A controller of Foos that can be started against a cluster. */
export interface FooPeer {
  readonly name: "kx" | "kubernetes/sample-controller";
  start(kubeconfig: string): Promise<RunningPeer>;
}

/** A controller at work; disposing stops it. */
export interface RunningPeer extends AsyncDisposable {
  /** What it has logged so far. */
  lines(): readonly string[];
}

/** How often a controller said that a Foo names no Deployment: the one way to see a reconcile that changes nothing. */
export function ignored(peer: RunningPeer, key: string): number {
  return peer.lines().filter((line) => /deployment name missing/i.test(line) && line.includes(key)).length;
}

/** The controller of this package, run by a host in this process. */
export function kxPeer(options: FooOptions = {}): FooPeer {
  return {
    name: "kx",
    async start(kubeconfig) {
      const log = collectingLogger();
      const host = await runHost({
        role: "controller",
        extensions: [foo(options)],
        log,
        clock: systemClock,
        kubeconfig,
      });
      return {
        lines: () => log.lines.map(({ level, message, fields }) => `${level} ${message} ${inspect(fields)}`),
        [Symbol.asyncDispose]: async () => void (await host.stop()),
      };
    },
  };
}

/** The original, as a program that was built elsewhere. */
export function goPeer(program: string): FooPeer {
  return {
    name: "kubernetes/sample-controller",
    async start(kubeconfig) {
      // However this process ends, the other one goes with it.
      const args = ["--pdeathsig", "KILL", program, `-kubeconfig=${kubeconfig}`];
      const child = spawn("setpriv", args, { stdio: ["ignore", "ignore", "pipe"] });
      const lines: string[] = [];
      createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
      const ended = once(child, "close");
      await once(child, "spawn");
      return {
        lines: () => lines,
        async [Symbol.asyncDispose]() {
          child.kill("SIGTERM");
          await ended;
        },
      };
    },
  };
}

/** The program that stands for the original; undefined, and said so, if there is none. */
export function goProgram(): string | undefined {
  const program = process.env["KX_SAMPLE_CONTROLLER"];
  if (program !== undefined && program !== "") return program;
  console.warn(
    "kubernetes/sample-controller does not run beside kx: KX_SAMPLE_CONTROLLER names no program. " +
      "kx is compared with what was recorded of it.",
  );
  return undefined;
}
