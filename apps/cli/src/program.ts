import type { IpFamily } from "@kx/cluster";
import { Command, InvalidArgumentError, Option } from "commander";
import { addCniCommands, type CniActions } from "./cni/flags.ts";
import type { DoctorOptions } from "./commands/doctor.ts";
import type { DownOptions } from "./commands/down.ts";
import type { LoadOptions } from "./commands/load.ts";
import type { LogsOptions } from "./commands/logs.ts";
import type { StatusOptions } from "./commands/status.ts";
import type { UpOptions } from "./commands/up.ts";
import { addCsiCommands, type CsiActions } from "./csi/flags.ts";

/** What the commands do, by name; each resolves to an exit code. */
export interface Actions {
  up(options: UpOptions): Promise<number>;
  down(options: DownOptions): Promise<number>;
  status(options: StatusOptions): Promise<number>;
  logs(component: string | undefined, options: LogsOptions): Promise<number>;
  kubectl(args: readonly string[]): Promise<number>;
  load(archive: string, options: LoadOptions): Promise<number>;
  kubeconfig(options: { readonly dir?: string }): Promise<number>;
  doctor(options: DoctorOptions): Promise<number>;
  demo(options: { readonly dir?: string }): Promise<number>;
  readonly cni: CniActions;
  readonly csi: CsiActions;
}

/** The command line of kx. `done` is told the exit code of the command that ran. */
export function createProgram(actions: Actions, version: string, done: (code: number) => void): Command {
  const program = new Command("kx")
    .description("A real Kubernetes on this machine, without Docker, and kx extensions at work in it.")
    .version(version, "-V, --version", "print the version")
    .option("--verbose", "show the stack and the cause of an error")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print a command's help")
    .showHelpAfterError("(`kx --help` lists the commands, `kx <command> --help` its flags)")
    .addHelpText("after", examples(["kx demo", "kx up --nodes 2", "kx kubectl get pods -A", "kx down"]));
  const command = (name: string, summary: string, ...lines: string[]): Command =>
    program
      .command(name)
      .description(summary)
      .addHelpText("after", lines.length === 0 ? "" : examples(lines));

  const upCommand = command(
    "up",
    "start a cluster, or find it running",
    "kx up",
    "kx up --nodes 2",
    "kx up --control-plane-only -o json",
    "kx up --config host.yaml --extensions-dir ./extensions",
  );
  upCommand
    .option("--nodes <number>", "how many nodes, 1 to 9 (default: 1)", parseNodes)
    .addOption(
      new Option("--control-plane-only", "no nodes: etcd, API server, scheduler; needs no root").conflicts([
        "nodes",
        "hostNetworkRoute",
        "dns",
        "network",
        "ipFamilies",
      ]),
    )
    .addOption(dirOption())
    .option("--kubernetes-version <version>", "for example 1.37.2 (default: the one that kx was tested with)")
    .option("--host-network-route", "let this machine reach pod and service addresses")
    .option("--dns", "run CoreDNS")
    .addOption(
      new Option(
        "--network <name>",
        "what connects pods: kx's network, the Go plug-ins, or nothing (default: kx)",
      ).choices(["kx", "upstream", "none"]),
    )
    .addOption(
      new Option(
        "--ip-families <list>",
        "addresses of nodes and pods: ipv4, or ipv4,ipv6 for both (default: ipv4)",
      ).argParser(parseFamilies),
    )
    .option("--config <file>", "HostConfiguration that names the extensions of the controller manager (default: Foo)")
    .option("--extensions-dir <folder>", "where extensions are that are not beside that file (default: /extensions)")
    .addOption(outputOption())
    .action(async (options: UpOptions) => {
      if (options.extensionsDir !== undefined && options.config === undefined) {
        upCommand.error("error: option '--extensions-dir <folder>' has an effect only with '--config <file>'");
      }
      done(await actions.up(options));
    });
  command("down", "stop the cluster and remove all that it made, also after a crash", "kx down", "kx down --dir /tmp/a")
    .addOption(dirOption())
    .action(async (options: DownOptions) => done(await actions.down(options)));
  command("status", "show the cluster and its processes; exit code 1 if none is up", "kx status -o json")
    .addOption(dirOption())
    .addOption(outputOption())
    .action(async (options: StatusOptions) => done(await actions.status(options)));
  command(
    "logs",
    "print the log of a process",
    "kx logs",
    "kx logs kube-apiserver --tail 20",
    "kx logs node-1/kubelet -f",
  )
    .argument("[component]", "as `kx logs` without it lists them")
    .option("-f, --follow", "go on until Ctrl-C, or until the cluster ends")
    .option("--tail <lines>", "only the last lines", parseCount)
    .addOption(dirOption())
    .action(async (component: string | undefined, options: LogsOptions) =>
      done(await actions.logs(component, options)),
    );
  command(
    "kubectl",
    "run the cluster's kubectl; all that follows is passed on (the folder: KX_DIR)",
    "kx kubectl get nodes",
  )
    .argument("[args...]")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (args: string[]) => done(await actions.kubectl(args)));
  command("load", "let pods use the images of an OCI archive, under the names in it", "kx load my-driver.tar")
    .argument("<archive>", "made by `docker save`, buildah, or writeImage of @kx/cluster")
    .addOption(dirOption())
    .action(async (archive: string, options: LoadOptions) => done(await actions.load(archive, options)));
  command("kubeconfig", "print the path of the administrator's kubeconfig", "export KUBECONFIG=$(kx kubeconfig)")
    .addOption(dirOption())
    .action(async (options: { dir?: string }) => done(await actions.kubeconfig(options)));
  const checks = "check this machine, exit code 1 if something is missing, and the cluster's network if it runs";
  command("doctor", checks, "kx doctor", "kx doctor --fix")
    .option("--fix", "install the packages that are missing (Debian and Ubuntu, as root)")
    .option("--control-plane-only", "only what `kx up --control-plane-only` needs")
    .addOption(dirOption())
    .addOption(outputOption())
    .action(async (options: DoctorOptions) => done(await actions.doctor(options)));
  command("demo", "start a cluster, and see the Foo extension at work in it", "kx demo")
    .addOption(dirOption())
    .action(async (options: { dir?: string }) => done(await actions.demo(options)));
  addCniCommands(program, actions.cni, done);
  addCsiCommands(program, actions.csi, done);
  return program;
}

/** A command and all below it. */
export function commandsOf(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

function dirOption(): Option {
  return new Option("--dir <folder>", "the cluster's folder (default: $KX_DIR, or ~/.kx/default)");
}

function outputOption(): Option {
  return new Option("-o, --output <format>", "print data instead of a table").choices(["json", "yaml"]);
}

function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

function parseNodes(text: string): number {
  if (!/^[1-9]$/.test(text)) throw new InvalidArgumentError("Give a whole number from 1 to 9.");
  return Number(text);
}

function parseFamilies(text: string): readonly IpFamily[] {
  if (text === "ipv4") return ["ipv4"];
  if (text === "ipv4,ipv6") return ["ipv4", "ipv6"];
  throw new InvalidArgumentError("Give ipv4 or ipv4,ipv6.");
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Give a whole number.");
  return Number(text);
}
