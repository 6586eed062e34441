import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { countedFacts, type Facts } from "./host-snapshot.ts";

const run = promisify(execFile);

async function json(command: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(command, args, { encoding: "utf8", timeout: 20_000, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim() === "" ? [] : JSON.parse(stdout);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** Facts of `ip -j link`: a link's index tells it from another of the same name. */
export function linkFacts(links: unknown): Facts {
  return new Map(
    records(links).map(({ ifname, ifindex, master }) => [
      String(ifname),
      `index ${String(ifindex)}${typeof master === "string" ? ` master ${master}` : ""}`,
    ]),
  );
}

const routeFields = [
  "type",
  "dst",
  "from",
  "gateway",
  "via",
  "dev",
  "table",
  "protocol",
  "scope",
  "prefsrc",
  "nexthops",
];
const ruleFields = ["priority", "src", "srclen", "dst", "fwmark", "iif", "oif", "table", "action"];

/** Facts of `ip -j route` or `ip -j rule`, by those fields that do not change by themselves. */
export function routeFacts(label: string, entries: unknown): Facts {
  const fields = label.endsWith("rule") ? ruleFields : routeFields;
  return countedFacts(
    records(entries).map((entry) => {
      const text = fields
        .filter((field) => entry[field] !== undefined)
        .map((field) => `${field} ${typeof entry[field] === "string" ? entry[field] : JSON.stringify(entry[field])}`);
      return [`${label} ${text.join(" ")}`, ""];
    }),
  );
}

/** Drops what changes without anybody's doing: handles, and the counts and ages of traffic. */
function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stable);
  if (!isRecord(value)) return value;
  const volatile = new Set(["handle", "index", "packets", "bytes", "expires"]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !volatile.has(key))
      .map(([key, inner]) => [key, stable(inner)]),
  );
}

/** Facts of `nft -j list ruleset`: one for each table, chain, rule, set and so on. */
export function nftFacts(ruleset: unknown): Facts {
  const objects = isRecord(ruleset) ? records(ruleset["nftables"]) : [];
  return countedFacts(
    objects.flatMap((object) =>
      Object.entries(object)
        .filter(([kind]) => kind !== "metainfo")
        .map(([kind, value]): [string, string] => [`${kind} ${JSON.stringify(stable(value))}`, ""]),
    ),
  );
}

/** Reads this network namespace's links. Throws if there is no `ip`. */
export async function readLinks(): Promise<Facts> {
  return linkFacts(await json("ip", ["-j", "link", "show"]));
}

/** Reads the routes of every table (the local ones tell addresses) and the rules that choose between tables. */
export async function readRoutes(): Promise<Facts> {
  const facts = new Map<string, string>();
  for (const [label, args] of [
    ["ipv4 route", ["-j", "-4", "route", "show", "table", "all"]],
    ["ipv6 route", ["-j", "-6", "route", "show", "table", "all"]],
    ["ipv4 rule", ["-j", "-4", "rule", "show"]],
    ["ipv6 rule", ["-j", "-6", "rule", "show"]],
  ] as const) {
    for (const [name, value] of routeFacts(label, await json("ip", args))) facts.set(name, value);
  }
  return facts;
}

/** Reads the nftables ruleset, which holds iptables' rules too where iptables is the nft kind. Throws without nft. */
export async function readNft(): Promise<Facts> {
  return nftFacts(await json("nft", ["-j", "list", "ruleset"]));
}
