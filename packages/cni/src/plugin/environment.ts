import { KxError } from "@kx/core";
import { type CniCommand, cniCommands, cniNamePattern, interfaceNamePattern } from "@kx/core/contracts/cni";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a runtime says in variables. */
export interface CallVariables {
  readonly command: CniCommand;
  readonly containerId: string;
  readonly ifName: string;
  /** Empty if not given. */
  readonly netns: string;
  /** CNI_ARGS. */
  readonly args: Readonly<Record<string, string>>;
  /** Folders of CNI_PATH. */
  readonly path: readonly string[];
  /** Whether the plug-in's own namespace is let through. */
  readonly netnsOverride: boolean;
  /** All of them, as delegates get them. */
  readonly env: Environment;
}

interface Variable {
  readonly name: string;
  readonly requiredBy: readonly CniCommand[];
  /** What is wrong with a value; undefined if nothing is. */
  readonly problem?: (value: string) => string | undefined;
}

const attaching = ["ADD", "CHECK"] as const;
const attachment = [...attaching, "DEL"] as const;

/** The table of specification, section 2; CNI_PATH is required where the Go library wants it, so that nobody does without. */
const variables: readonly Variable[] = [
  {
    name: "CNI_CONTAINERID",
    requiredBy: attachment,
    problem: (value) => (cniNamePattern.test(value) ? undefined : `is ${quote(value)}, not a container's id`),
  },
  { name: "CNI_NETNS", requiredBy: attaching, problem: noNul },
  {
    name: "CNI_IFNAME",
    requiredBy: attachment,
    problem: (value) =>
      interfaceNamePattern.test(value) && Buffer.byteLength(value) <= 15
        ? undefined
        : `is ${quote(value)}, not an interface's name of 1 to 15 bytes`,
  },
  {
    name: "CNI_ARGS",
    requiredBy: [],
    problem: (value) => {
      const odd = argPairs(value).find((pair) => pair.indexOf("=") < 1);
      return odd === undefined ? undefined : `has ${quote(odd)}, not KEY=value`;
    },
  },
  { name: "CNI_PATH", requiredBy: [...attachment, "GC", "STATUS"], problem: noNul },
];

/** What CNI_COMMAND asks for. */
export function readCommand(env: Environment): CniCommand | undefined {
  return cniCommands.find((command) => command === env["CNI_COMMAND"]);
}

/**
 * Reads the variables of a call.
 *
 * @throws KxError `KX_CNI_ENVIRONMENT` that names everything that is missing or wrong.
 */
export function readEnvironment(env: Environment): CallVariables {
  const command = readCommand(env);
  const problems = [
    ...(command === undefined ? [commandProblem(env["CNI_COMMAND"])] : []),
    ...variables.flatMap((variable) => problemsOf(variable, env[variable.name] ?? "", command)),
  ];
  if (command === undefined || problems.length > 0) throw wrong(problems);
  return {
    command,
    containerId: env["CNI_CONTAINERID"] ?? "",
    ifName: env["CNI_IFNAME"] ?? "",
    netns: env["CNI_NETNS"] ?? "",
    args: Object.fromEntries(argPairs(env["CNI_ARGS"] ?? "").map(keyAndValue)),
    path: (env["CNI_PATH"] ?? "").split(":").filter((folder) => folder !== ""),
    netnsOverride: ["1", "true"].includes((env["CNI_NETNS_OVERRIDE"] ?? "").toLowerCase()),
    env,
  };
}

function problemsOf({ name, requiredBy, problem }: Variable, value: string, command: CniCommand | undefined): string[] {
  // What a command does not use may be anything: libcni sends "dummy" with VERSION.
  const uses = command !== undefined && (requiredBy.includes(command) || attachment.some((one) => one === command));
  if (!uses) return [];
  if (value === "") return requiredBy.includes(command) ? [`${name} is missing`] : [];
  const found = problem?.(value);
  return found === undefined ? [] : [`${name} ${found}`];
}

function commandProblem(value: string | undefined): string {
  if (value === undefined || value === "") return "CNI_COMMAND is missing";
  return `CNI_COMMAND is ${quote(value)}, not one of ${cniCommands.join(", ")}`;
}

function wrong(problems: readonly string[]): KxError {
  return new KxError("KX_CNI_ENVIRONMENT", problems.join("; "), {
    remedy: "a container runtime sets these variables; see section 2 of the CNI specification",
  });
}

function argPairs(text: string): readonly string[] {
  return text.split(";").filter((pair) => pair !== "");
}

function keyAndValue(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function noNul(value: string): string | undefined {
  return value.includes("\0") ? "holds a NUL" : undefined;
}

function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
}
