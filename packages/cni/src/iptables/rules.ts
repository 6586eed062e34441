/** A rule of a chain, with its arguments as to iptables(8). */
export interface Rule {
  readonly chain: string;
  readonly args: readonly string[];
  /** It comes before all others of its chain. */
  readonly first?: boolean;
}

/** What attachments share: it is made where it is missing, and never removed. */
export interface SharedRules {
  readonly chains: readonly string[];
  readonly rules: readonly Rule[];
}

/** A rule as iptables-save prints it. */
export interface SavedRule {
  readonly chain: string;
  readonly args: readonly string[];
  /** Chain and arguments as they were printed. */
  readonly text: string;
}

/** A table as iptables-save prints it. */
export interface SavedTable {
  readonly chains: ReadonlySet<string>;
  readonly rules: readonly SavedRule[];
}

/** Commands of iptables-restore for a table, which are all done or none. */
export type Command = string;

export const command = {
  newChain: (chain: string): Command => `-N ${chain}`,
  append: ({ chain, args, first = false }: Rule): Command => `${first ? "-I" : "-A"} ${chain} ${quoteAll(args)}`,
  /** Fails unless there is such a rule. */
  find: ({ chain, args }: Rule): Command => `-C ${chain} ${quoteAll(args)}`,
  remove: ({ text }: SavedRule): Command => `-D ${text}`,
  /** Removes a chain of which nothing is left that leads to it. */
  removeChain: (chain: string): readonly Command[] => [`-F ${chain}`, `-X ${chain}`],
} as const;

/** Removes a chain with all that leads to it; nothing if it is not there. */
export function removal({ chains, rules }: SavedTable, chain: string): readonly Command[] {
  if (!chains.has(chain)) return [];
  const entries = rules.filter((rule) => valueOf(rule, "-j") === chain);
  return [...entries.map(command.remove), ...command.removeChain(chain)];
}

/** Reads what iptables-save has printed of one table. */
export function readSaved(text: string): SavedTable {
  const lines = text.split("\n");
  const chains = lines.flatMap((line) => /^:(\S+) /.exec(line)?.[1] ?? []);
  const rules = lines
    .filter((line) => line.startsWith("-A "))
    .map((line): SavedRule => {
      const [chain = "", ...args] = words(line.slice(3));
      return { chain, args, text: line.slice(3) };
    });
  return { chains: new Set(chains), rules };
}

/** What stands after an option of a rule, such as `-j`. */
export function valueOf({ args }: Pick<SavedRule, "args">, option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

function quoteAll(args: readonly string[]): string {
  return args
    .map((word) => (/^[\w.,:/%+=@![\]-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`))
    .join(" ");
}

/** Words as iptables-save quotes them. */
function words(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll(/\\(.)/g, "$1"),
  );
}
