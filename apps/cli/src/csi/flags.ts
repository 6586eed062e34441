import { parseQuantity } from "@kx/core/units";
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
  /** Shell commands, both or none. */
  readonly kill?: string;
  readonly start?: string;
  readonly output?: Format;
}

/** Flags of `kx csi doctor`. */
export interface CsiDoctorFlags {
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly dir?: string;
  readonly output?: Format;
}

/** Flags of `kx csi testdriver`. */
export interface TestDriverFlags {
  readonly endpoint: string;
  /** A file with the driver's object CSIDriver, such as its rendered manifests. */
  readonly csiDriver?: string;
  readonly probe?: boolean;
  readonly minSize?: string;
  readonly maxSize?: string;
  readonly fsTypes?: readonly string[];
  readonly storageClass?: string;
  readonly snapshotClass?: string;
  readonly groupSnapshotClass?: string;
  readonly attributesClass?: string;
  /** `capability=true`. */
  readonly set?: readonly string[];
}

/** What the commands do; each resolves to an exit code. */
export interface CsiActions {
  doctor(object: string | undefined, flags: CsiDoctorFlags): Promise<number>;
  sanity(flags: SanityFlags): Promise<number>;
  /** These two read their flags themselves, and end the process. */
  sidecar(args: readonly string[]): Promise<void>;
  serveHostpath(args: readonly string[]): Promise<void>;
  testdriver(flags: TestDriverFlags): Promise<number>;
}

/** Adds `kx csi ...` to the command line. `done` is told the exit code of the command that ran. */
export function addCsiCommands(program: Command, actions: CsiActions, done: (code: number) => void): void {
  const csi = program.command("csi").description("test, serve and accompany CSI drivers, and explain what is stuck");
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
    .command("doctor")
    .description(
      "explain why a claim, volume, attachment, pod or snapshot does not go on; without one, all that do not; exit code 1 if something is stuck",
    )
    .argument("[object]", "as kubectl names it: pvc/data, pv/pvc-1, va/csi-1, pod/app, vs/before")
    .addHelpText(
      "after",
      [
        "\nExamples:",
        "  $ kx csi doctor",
        "  $ kx csi doctor pvc/data -n shop",
        "  $ kx csi doctor pod/app -o json",
      ].join("\n"),
    )
    .option("-n, --namespace <namespace>", "where the object is (default: the context's)")
    .option("--kubeconfig <file>", "of the cluster (default: kx's cluster if it is up, else as kubectl finds it)")
    .option("--context <name>", "of the kubeconfig (default: its current one)")
    .addOption(new Option("--dir <folder>", "the folder of kx's cluster (default: $KX_DIR, or ~/.kx/default)"))
    .addOption(new Option("-o, --output <format>", "print data instead of text").choices(["json", "yaml"]))
    .action(async (object: string | undefined, flags: CsiDoctorFlags) => done(await actions.doctor(object, flags)));
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
    .option("--kill <command>", "shell command that ends the driver at once, for the cases of crashes; with --start")
    .option("--start <command>", "shell command that starts it again on its state, and returns; with --kill")
    .option("--all", "show also the cases that do not apply, with the reasons")
    .addOption(new Option("-o, --output <format>", "print data instead of a table").choices(["json", "yaml"]))
    .action(async (flags: SanityFlags) => done(await actions.sanity(flags)));
  csi
    .command("testdriver")
    .description(
      "print the test-driver file of a driver for Kubernetes' own storage suite (e2e.test -storage.testdriver=FILE)",
    )
    .addHelpText(
      "after",
      [
        "\nExamples:",
        "  $ kx csi testdriver --endpoint unix:///run/csi/csi.sock --csi-driver csidriver.yaml > testdriver.yaml",
        "  $ kx csi testdriver --endpoint unix:///run/csi/csi.sock --probe --set singleNodeVolume=true",
      ].join("\n"),
    )
    .requiredOption("--endpoint <endpoint>", "where the driver listens, such as unix:///run/csi/csi.sock")
    .option("--csi-driver <file>", "YAML or JSON with the driver's CSIDriver, which its socket does not tell")
    .option("--probe", "make and delete small volumes to see how they can be used: as block devices, by several nodes")
    .option("--min-size <quantity>", "the smallest volume of tests (default: 1Mi)", parseSize)
    .option("--max-size <quantity>", "the largest (default: no limit)", parseSize)
    .option("--fs-types <types...>", "file systems to ask for, beside the default one (default: none)")
    .option("--storage-class <name>", "a StorageClass of the cluster (default: one that the suite makes)")
    .option("--snapshot-class <name>", "a VolumeSnapshotClass of the cluster (default: as above)")
    .option("--group-snapshot-class <name>", "a VolumeGroupSnapshotClass of the cluster (default: as above)")
    .option("--attributes-class <name>", "a VolumeAttributesClass of the cluster (default: changes are not tested)")
    .option("--set <capability=bool...>", "what the driver does not tell of itself, such as singleNodeVolume=true")
    .action(async (flags: TestDriverFlags) => done(await actions.testdriver(flags)));
}

function parseSize(text: string): string {
  try {
    parseQuantity(text);
    return text;
  } catch {
    throw new InvalidArgumentError("Give a quantity, such as 16Mi.");
  }
}

function parseBytes(text: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new InvalidArgumentError("Give a number of bytes.");
  return BigInt(text);
}
