import { formatAge } from "@kx/core/units";
import { type ChainLink, type Explanation, type Finding, type LastError, showRef } from "@kx/csi/doctor";

/** How a sign or a name is drawn, such as in colour. */
export type Paint = (style: "red" | "yellow" | "green" | "bold", text: string) => string;

/** What `kx csi doctor` says. @param nowMs - milliseconds since 1970 */
export function explanationText({ chains, findings }: Explanation, nowMs: number, paint: Paint): string {
  const found = findings.map((one) => findingText(one, nowMs, paint));
  const parts = [...chains.map((link) => chainText(link, findings, paint)), ...found];
  if (findings.length === 0) parts.push(`${paint("green", "✓")} nothing is stuck`);
  return parts.join("\n\n");
}

/** An object and what it needs, as a tree. */
function chainText(link: ChainLink, findings: readonly Finding[], paint: Paint): string {
  return chainLines(link, "", "")
    .map(({ tree, ref, state }) => {
      const own = findings.filter(({ about }) => showRef(about) === showRef(ref));
      const marks = own.map(({ state: level, code }) => `  ${signOf(level, paint)} ${code}`).join("");
      return `${tree}${showRef(ref)}${state === "" ? "" : `: ${state}`}${marks}`;
    })
    .join("\n");
}

interface ChainLine {
  readonly tree: string;
  readonly ref: ChainLink["ref"];
  readonly state: string;
}

function chainLines({ ref, state, needs }: ChainLink, tree: string, below: string): readonly ChainLine[] {
  const rest = needs.flatMap((need, index) => {
    const isLast = index === needs.length - 1;
    return chainLines(need, `${below}${isLast ? "└─ " : "├─ "}`, `${below}${isLast ? "   " : "│  "}`);
  });
  return [{ tree, ref, state }, ...rest];
}

function signOf(state: Finding["state"], paint: Paint): string {
  return state === "stuck" ? paint("red", "✗") : paint("yellow", "…");
}

function findingText(finding: Finding, nowMs: number, paint: Paint): string {
  const { state, about, code, message, waitsFor, holdsUp, lastError, remedy } = finding;
  const rows = [
    ["waits for", waitsFor],
    ...(holdsUp.length === 0 ? [] : [["holds up", holdsUp.map(showRef).join(", ")]]),
    ...(lastError === undefined ? [] : [["last error", errorText(lastError, nowMs)]]),
    ["remedy", remedy],
  ];
  const lines = rows.map(([name = "", text = ""]) => `  ${`${name}:`.padEnd(12)}${text}`);
  return [`${signOf(state, paint)} ${paint("bold", showRef(about))}: ${code}`, `  ${message}`, ...lines].join("\n");
}

function errorText({ source, message, at, count }: LastError, nowMs: number): string {
  const age = at === undefined ? undefined : `${formatAge(nowMs - Date.parse(at))} ago`;
  const times = count === undefined || count < 2 ? undefined : `${count} times`;
  const when = [times, age].filter((part) => part !== undefined).join(", ");
  return `${source}${when === "" ? "" : ` (${when})`}: ${message}`;
}
