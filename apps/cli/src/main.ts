import { constants } from "node:os";
import { inspect } from "node:util";
import { KxError } from "@kx/core";
import { CommanderError } from "commander";
import type { CniActions } from "./cni/flags.ts";
import { commandsOf, createProgram } from "./program.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

const { env, stdout, stderr } = process;
const terminal: Terminal = { stdout, stderr, env };
const argv = process.argv.slice(2);
const interrupted = new AbortController();

/** Commands that clean up after a Ctrl-C; the second one ends kx at once. */
function interruptible(): AbortSignal {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (interrupted.signal.aborted) process.exit(128 + constants.signals[name]);
      process.exitCode = 128 + constants.signals[name];
      interrupted.abort();
    });
  }
  return interrupted.signal;
}

// Each command's code is loaded when it is run, so that `kx kubectl` and `kx --help` start quickly.
const kubectl = async (args: readonly string[]): Promise<number> =>
  (await import("./commands/kubectl.ts")).kubectl(args, terminal);

const sidecar = async (args: readonly string[]) => (await import("./commands/csi-programs.ts")).csiSidecar(args);
const serveHostpath = async (args: readonly string[]) =>
  (await import("./commands/csi-programs.ts")).csiServeHostpath(args);

/** Commands whose flags, also --help, are not ours to read. */
const passedOn: readonly (readonly [words: string, run: (args: readonly string[]) => Promise<unknown>])[] = [
  ["kubectl", async (args) => (process.exitCode = await kubectl(args))],
  ["csi sidecar", sidecar],
  ["csi serve hostpath", serveHostpath],
];

const cni = async () => (await import("./commands/cni.ts")).cniActions(terminal, interruptible());
const cniNode = async () => (await import("./commands/cni-node.ts")).cniNodeActions(terminal, interruptible());
const cniCommands: CniActions = {
  add: async (...args) => (await cni()).add(...args),
  check: async (...args) => (await cni()).check(...args),
  del: async (...args) => (await cni()).del(...args),
  gc: async (...args) => (await cni()).gc(...args),
  status: async (...args) => (await cni()).status(...args),
  version: async (...args) => (await cni()).version(...args),
  validate: async (...args) => (await cni()).validate(...args),
  conformance: async (executable, flags) =>
    (await import("./commands/cni-conformance.ts")).cniConformance(executable, flags, terminal, interruptible()),
  install: async (...args) => (await cniNode()).install(...args),
  uninstall: async (...args) => (await cniNode()).uninstall(...args),
  daemon: async (...args) => (await cniNode()).daemon(...args),
};

const program = createProgram(
  {
    up: async (options) => (await import("./commands/up.ts")).up(options, terminal, interruptible()),
    down: async (options) => (await import("./commands/down.ts")).down(options, terminal),
    status: async (options) => (await import("./commands/status.ts")).status(options, terminal),
    logs: async (component, options) => (await import("./commands/logs.ts")).logs(component, options, terminal),
    kubectl,
    load: async (archive, options) => (await import("./commands/load.ts")).load(archive, options, terminal),
    kubeconfig: async (options) => (await import("./commands/kubeconfig.ts")).kubeconfig(options, terminal),
    doctor: async (options) => (await import("./commands/doctor.ts")).doctor(options, terminal, interruptible()),
    demo: async (options) => (await import("./commands/demo.ts")).demo(options, terminal, interruptible()),
    cni: cniCommands,
    csi: {
      doctor: async (object, flags) =>
        (await import("./commands/csi-doctor.ts")).csiDoctor(object, flags, terminal, interruptible()),
      sanity: async (flags) => (await import("./commands/csi-sanity.ts")).csiSanity(flags, terminal, interruptible()),
      sidecar,
      serveHostpath,
      testdriver: async (flags) => (await import("./commands/csi-testdriver.ts")).csiTestDriver(flags, terminal),
    },
  },
  version(),
  (code) => {
    process.exitCode ??= code;
  },
);
// Commander ends the process itself otherwise, with 1 for a wrong command line.
for (const command of commandsOf(program)) command.exitOverride();

try {
  const found = passedOn.find(([words]) => `${argv.join(" ")} `.startsWith(`${words} `));
  if (found === undefined) await program.parseAsync(argv, { from: "user" });
  else await found[1](argv.slice(found[0].split(" ").length));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.exitCode ??= 1;
    fail(error);
  }
}

function fail(thrown: unknown): void {
  const error = KxError.from(thrown);
  stderr.write(`error: [${error.code}] ${error.reason.trimEnd()}\n`);
  if (error.remedy !== undefined) stderr.write(`remedy: ${error.remedy}\n`);
  if (program.opts<{ verbose?: boolean }>().verbose !== true) return;
  stderr.write(`${error.stack ?? ""}\n`);
  for (let { cause } = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    stderr.write(`caused by: ${inspect(cause)}\n`);
  }
}
