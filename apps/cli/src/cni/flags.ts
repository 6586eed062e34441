import { type Command, InvalidArgumentError, Option } from "commander";
import type { Format } from "../output.ts";
import { addCniNodeCommands, type CniNodeActions } from "./node-flags.ts";

/** Flags of all `kx cni` commands that call plug-ins; each has a variable of cnitool's. */
export interface CniFlags {
  readonly binDir?: readonly string[];
  readonly output?: Format;
}

/** Flags of commands that work on a network. */
export interface NetworkFlags extends CniFlags {
  readonly confDir?: string;
  readonly cacheDir?: string;
  readonly timeout?: number;
}

/** Flags of commands that work on one interface of one container. */
export interface AttachmentFlags extends NetworkFlags {
  readonly containerId?: string;
  readonly ifName?: string;
  readonly args?: string;
  readonly capArgs?: string;
}

/** Flags of `kx cni gc`. */
export interface GcFlags extends NetworkFlags {
  readonly valid?: readonly string[];
  readonly all?: boolean;
}

/** Flags of `kx cni conformance`. */
export interface ConformanceFlags extends CniFlags {
  readonly config: string;
  readonly role?: "interface" | "addresses" | "chained";
  readonly ifName?: string;
  readonly options?: string;
  readonly only?: readonly string[];
  readonly all?: boolean;
}

/** What the commands do; each resolves to an exit code. */
export interface CniActions extends CniNodeActions {
  add(network: string, netns: string, flags: AttachmentFlags): Promise<number>;
  check(network: string, netns: string, flags: AttachmentFlags): Promise<number>;
  del(network: string, netns: string, flags: AttachmentFlags): Promise<number>;
  gc(network: string, flags: GcFlags): Promise<number>;
  status(network: string, flags: NetworkFlags): Promise<number>;
  version(types: readonly string[], flags: CniFlags): Promise<number>;
  validate(networks: readonly string[], flags: NetworkFlags): Promise<number>;
  conformance(executable: string, flags: ConformanceFlags): Promise<number>;
}

const networkArgument = ["<network>", "its name, as a file of the configurations' folder tells"] as const;
const netnsArgument = ["<netns>", "path of the container's network namespace, such as /run/netns/pod"] as const;

/** Adds `kx cni ...` to the command line. `done` is told the exit code of the command that ran. */
export function addCniCommands(program: Command, actions: CniActions, done: (code: number) => void): void {
  const cni = program
    .command("cni")
    .description("install kx's CNI plug-ins, call plug-ins as a container runtime does, and test one's own")
    .addHelpText("after", examples("kx cni validate", "kx cni add net /run/netns/pod", "kx cni version kx-bridge"));
  const command = (name: string, summary: string, ...lines: readonly string[]): Command =>
    cni
      .command(name)
      .description(summary)
      .addHelpText("after", examples(...lines))
      .addOption(binDirOption())
      .addOption(new Option("-o, --output <format>", "print data instead of a table").choices(["json", "yaml"]));

  const attaching = ["add", "check", "del"] as const;
  const summaries = {
    add: "attach a container to a network, and show what it got",
    check: "check that an attachment is as `add` left it",
    del: "take an attachment away; what is gone already is no error",
  };
  for (const name of attaching) {
    withAttachment(
      command(
        name,
        summaries[name],
        `kx cni ${name} net /run/netns/pod`,
        `NETCONFPATH=/tmp/net.d CNI_PATH=/opt/cni/bin kx cni ${name} net /run/netns/pod`,
      ),
    ).action(async (network: string, netns: string, flags: AttachmentFlags) => {
      done(await actions[name](network, netns, flags));
    });
  }
  withNetwork(
    command(
      "gc",
      "take away what is not in use; without a list, only what has lost its namespace",
      "kx cni gc net",
      "kx cni gc net --valid 4f2a/eth0 --valid 9c1b/eth0",
    ),
  )
    .argument(...networkArgument)
    .addOption(new Option("--valid <container/interface...>", "what is in use; all else goes").conflicts("all"))
    .option("--all", "nothing is in use")
    .action(async (network: string, flags: GcFlags) => done(await actions.gc(network, flags)));
  withNetwork(
    command("status", "tell whether a network can attach containers; exit code 1 if not", "kx cni status net"),
  )
    .argument(...networkArgument)
    .action(async (network: string, flags: NetworkFlags) => done(await actions.status(network, flags)));
  command("version", "show the versions of CNI that plug-ins support", "kx cni version kx-bridge kx-host-local")
    .argument("<plugin...>", "type of a plug-in: its file's name")
    .action(async (types: readonly string[], flags: CniFlags) => done(await actions.version(types, flags)));
  withNetwork(
    command(
      "validate",
      "check networks' configurations and that their plug-ins are there; exit code 1 if not",
      "kx cni validate",
      "kx cni validate net --conf-dir ./net.d",
    ),
  )
    .argument("[network...]", "default: all of the configurations' folder")
    .action(async (networks: readonly string[], flags: NetworkFlags) => done(await actions.validate(networks, flags)));
  addConformance(command, actions, done);
  addCniNodeCommands(cni, actions, done);
}

function addConformance(
  command: (name: string, summary: string, ...lines: readonly string[]) => Command,
  actions: CniActions,
  done: (code: number) => void,
): void {
  command(
    "conformance",
    "run the conformance suite on a plug-in; exit code 1 if a case fails",
    "kx cni conformance ./my-plugin --config net.json",
    "kx cni conformance /opt/cni/bin/kx-bridge --config /etc/cni/net.d/10-kx.conflist --only P12 P14",
  )
    .argument("<executable>", "path of the plug-in, or its name in CNI_PATH")
    .requiredOption("--config <file>", "the plug-in's configuration, or a list in which it stands")
    .addOption(
      new Option("--role <role>", "what the plug-in is for (default: as the configuration tells)").choices([
        "interface",
        "addresses",
        "chained",
      ]),
    )
    .option("--if-name <name>", "the interface in containers; lo for a plug-in of loopback (default: eth0)")
    .option("--options <file>", "JSON with full, otherNetwork, exempt and knownGaps of the suite (see @kx/cni/testing)")
    .option("--only <cases...>", "cases or requirements, such as P12 or P4.no-name")
    .option("--all", "show also the cases that do not apply, with the reasons")
    .action(async (executable: string, flags: ConformanceFlags) => done(await actions.conformance(executable, flags)));
}

function withNetwork(command: Command): Command {
  return command
    .option("--conf-dir <folder>", "where networks are described (default: $NETCONFPATH, or /etc/cni/net.d)")
    .option("--cache-dir <folder>", "where attachments are remembered (default: /var/lib/cni)")
    .option("--timeout <seconds>", "how long each plug-in may take (default: without bound)", parseSeconds);
}

function withAttachment(command: Command): Command {
  return withNetwork(command)
    .argument(...networkArgument)
    .argument(...netnsArgument)
    .option("--container-id <id>", "default: made of the namespace's path, as cnitool does")
    .option("--if-name <name>", "the interface in the container (default: $CNI_IFNAME, or eth0)")
    .option("--args <pairs>", "KEY=value;KEY=value for the plug-ins (default: $CNI_ARGS)")
    .option("--cap-args <json>", "values by capability (default: $CAP_ARGS)");
}

function binDirOption(): Option {
  return new Option("--bin-dir <folder...>", "where plug-ins are (default: $CNI_PATH, or /opt/cni/bin)");
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0) || seconds > 86_400) throw new InvalidArgumentError("Give a number of seconds, such as 30.");
  return seconds;
}
