import { type Command, InvalidArgumentError, Option } from "commander";
import type { Format } from "../output.ts";

/** Flags of `kx csi sanity`. */
export interface SanityFlags {
  readonly endpoint: string;
  readonly options?: string;
  readonly volumeSize?: bigint;
  readonly folder?: string;
  readonly block?: boolean;
  /** False with `--no-mounts`. */
  readonly mounts: boolean;
  readonly only?: readonly string[];
  readonly all?: boolean;
  readonly output?: Format;
}

/** What the commands do; each resolves to an exit code. */
export interface CsiActions {
  sanity(flags: SanityFlags): Promise<number>;
  /** These two read their flags themselves, and end the process. */
  sidecar(args: readonly string[]): Promise<void>;
  serveHostpath(args: readonly string[]): Promise<void>;
}

/** Adds `kx csi ...` to the command line. `done` is told the exit code of the command that ran. */
export function addCsiCommands(program: Command, actions: CsiActions, done: (code: number) => void): void {
  const csi = program.command("csi").description("test, serve and accompany CSI drivers");
  const passedOn = (parent: Command, name: string, action: (args: string[]) => Promise<void>): Command =>
    parent.command(name).argument("[flags...]").helpOption(false).allowUnknownOption().action(action);
  passedOn(csi, "sidecar", (args) => actions.sidecar(args))
    .description("run the controllers of a driver in any language, in one process; `kx csi sidecar --help` lists flags")
    .addHelpText(
      "after",
      "\nExample:\n  $ kx csi sidecar --csi-address /csi/csi.sock --controllers provisioner,attacher",
    );
  const serve = csi.command("serve").description("serve a driver that comes with kx");
  passedOn(serve, "hostpath", (args) => actions.serveHostpath(args))
    .description("volumes in a folder of one node; `kx csi serve hostpath --help` lists flags")
    .addHelpText(
      "after",
      "\nExample:\n  $ kx csi serve hostpath --endpoint unix:///run/csi.sock --node-id node-1 --state-dir /var/lib/volumes",
    );
  csi
    .command("sanity")
    .description("run the conformance kit on a driver in any language; exit code 1 if a case fails")
    .addHelpText(
      "after",
      [
        "\nExamples:",
        "  $ kx csi sanity --endpoint unix:///run/csi/csi.sock",
        "  $ kx csi sanity --endpoint unix:///run/csi/csi.sock --no-mounts --only D4 D8.stable",
      ].join("\n"),
    )
    .requiredOption("--endpoint <endpoint>", "where the driver listens, such as unix:///run/csi/csi.sock")
    .option(
      "--options <file>",
      "JSON with parameters, mutableParameters, snapshotParameters, secrets, exempt and knownGaps of the kit (see @kx/csi/testing)",
    )
    .option("--volume-size <bytes>", "how large volumes are (default: 16777216)", parseBytes)
    .option("--folder <folder>", "where volumes are mounted; the driver must see it too (default: a temporary one)")
    .option("--block", "use volumes as raw block devices (default: mounted)")
    .option("--no-mounts", "bring no volumes to this machine")
    .option("--only <cases...>", "cases or requirements, such as D8 or D4.again")
    .option("--all", "show also the cases that do not apply, with the reasons")
    .addOption(new Option("-o, --output <format>", "print data instead of a table").choices(["json", "yaml"]))
    .action(async (flags: SanityFlags) => done(await actions.sanity(flags)));
}

function parseBytes(text: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new InvalidArgumentError("Give a number of bytes.");
  return BigInt(text);
}
