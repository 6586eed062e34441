import { KxError } from "@kx/core";
import { type Command, command, type Rule, readSaved, type SavedTable, type SharedRules } from "./rules.ts";
import { type RunProgram, runProgram } from "./run-program.ts";

export type Family = 4 | 6;
export const families: readonly Family[] = [4, 6];

/** A table of iptables or ip6tables. */
export interface TablePlace {
  readonly family: Family;
  readonly table: "nat" | "filter";
}

/** What is to be done to a table. */
export interface Change {
  /** What must be there for it. */
  readonly shared?: SharedRules;
  readonly commands: readonly Command[];
}

/** The programs of iptables, in whatever variant the node has them. */
export interface Iptables {
  /** @throws KxError `KX_CNI_PROGRAM`. */
  read(place: TablePlace): Promise<SavedTable>;
  /**
   * Reads a table, and does all of what a plan makes of it, or none. Where somebody else changes the table meanwhile it is
   * planned anew.
   *
   * @throws KxError `KX_CNI_PROGRAM`, or what the plan throws.
   */
  change(place: TablePlace, plan: (saved: SavedTable) => Change): Promise<void>;
  /** Those of the rules that are not there. */
  missing(place: TablePlace, rules: readonly Rule[]): Promise<readonly Rule[]>;
}

const attempts = 4;
/** How long iptables waits for whoever else changes its tables. */
const lockSeconds = "30";
const none: SharedRules = { chains: [], rules: [] };

/** Changes of this process come one after another, so that none sees another's work half done. */
let lastChange: Promise<unknown> = Promise.resolve();

/** @param run - default: programs are run where this process is. */
export function createIptables(run: RunProgram = runProgram): Iptables {
  const read = async ({ family, table }: TablePlace) => {
    const program = programOf(family, "save");
    const { exitCode, stdout, stderr } = await run(program, ["-t", table]);
    if (exitCode !== 0) throw refused(program, stderr);
    return readSaved(stdout);
  };
  /** Why the commands could not be done; undefined if they are. */
  const restore = async ({ family, table }: TablePlace, commands: readonly Command[]) => {
    const program = programOf(family, "restore");
    const input = [`*${table}`, ...commands, "COMMIT", ""].join("\n");
    const { exitCode, stderr } = await run(program, ["--noflush", "--wait", lockSeconds], input);
    return exitCode === 0 ? undefined : refused(program, stderr, commands);
  };
  const missing = async (place: TablePlace, rules: readonly Rule[]) => {
    if ((await restore(place, rules.map(command.find))) === undefined) return [];
    const found: Rule[] = [];
    for (const rule of rules) if ((await restore(place, [command.find(rule)])) !== undefined) found.push(rule);
    return found;
  };
  const ensure = async (place: TablePlace, saved: SavedTable, { chains, rules }: SharedRules) => {
    // If somebody else makes one of them now, the next attempt sees it.
    await restore(place, chains.filter((name) => !saved.chains.has(name)).map(command.newChain));
    for (const rule of await missing(place, rules)) {
      const failure = await restore(place, [command.append(rule)]);
      if (failure !== undefined) throw failure;
    }
  };
  const change = async (place: TablePlace, plan: (saved: SavedTable) => Change) => {
    for (let attempt = 1; ; attempt++) {
      const saved = await read(place);
      const { shared = none, commands } = plan(saved);
      if (commands.length === 0) return;
      const failure = await restore(place, [...shared.rules.map(command.find), ...commands]);
      if (failure === undefined) return;
      if (attempt === attempts) throw failure;
      await ensure(place, saved, shared);
    }
  };
  return {
    read,
    missing,
    change(place, plan) {
      const done = lastChange.then(() => change(place, plan));
      lastChange = done.catch(() => undefined);
      return done;
    },
  };
}

/** @throws KxError `KX_CNI_NOT_AVAILABLE` if iptables cannot be used here. */
export async function requireIptables(iptables: Iptables, table: TablePlace["table"], what: string): Promise<void> {
  try {
    await iptables.read({ family: 4, table });
  } catch (cause) {
    const { reason, remedy } = KxError.from(cause);
    throw new KxError("KX_CNI_NOT_AVAILABLE", `${what} by iptables does not work: ${reason}`, {
      cause,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** That a rule is missing, in words. */
export function describeMissing({ chain, args }: Rule): string {
  return `the rule ${args.join(" ")} of the chain ${chain} of iptables is missing`;
}

export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

function programOf(family: Family, what: "save" | "restore"): string {
  return `${family === 4 ? "iptables" : "ip6tables"}-${what}`;
}

function refused(program: string, stderr: string, commands: readonly Command[] = []): KxError {
  const line = Number(/line:? (\d+)/.exec(stderr)?.[1] ?? 0);
  // The first line names the table.
  const what = commands[line - 2];
  const told = stderr.trim().split("\n")[0] ?? "";
  const at = what === undefined ? "" : ` at "${what}"`;
  return new KxError("KX_CNI_PROGRAM", `${program} failed${at}: ${told}`, { details: { program, stderr, commands } });
}
