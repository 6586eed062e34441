/** How a case ended. A `gap` is a failure that was expected; `gap-closed` one that was, and did not come. */
export type CaseOutcome = "passed" | "failed" | "not-applicable" | "gap" | "gap-closed";

/** One case of the suite, and how it ended. */
export interface CaseReport {
  /** Such as `P4.no-name`. */
  readonly id: string;
  readonly title: string;
  readonly outcome: CaseOutcome;
  /** Why, unless it passed. */
  readonly reason?: string;
  readonly ms: number;
}

/** What the suite found out about a plug-in. */
export interface ConformanceReport {
  /** The plug-in's name, or its executable. */
  readonly plugin: string;
  readonly role: string;
  readonly cases: readonly CaseReport[];
  readonly counts: Readonly<Record<CaseOutcome, number>>;
  /** No case failed, and no gap was closed without being taken off the list. */
  readonly isConformant: boolean;
}

const outcomes: readonly CaseOutcome[] = ["passed", "failed", "not-applicable", "gap", "gap-closed"];

/** Sums cases up. */
export function makeReport(plugin: string, role: string, cases: readonly CaseReport[]): ConformanceReport {
  const count = (outcome: CaseOutcome) => cases.filter((each) => each.outcome === outcome).length;
  const counts = Object.fromEntries(
    outcomes.map((outcome) => [outcome, count(outcome)]),
  ) as ConformanceReport["counts"];
  return { plugin, role, cases, counts, isConformant: counts.failed + counts["gap-closed"] === 0 };
}

/** How a report is written. */
export interface FormatReportOptions {
  /** Also the cases that do not apply, each with its reason. Default: false, their number alone. */
  readonly all?: boolean;
}

/** A report as a test runner prints one: a line a case, its requirement above it, and a summary. */
export function formatReport(report: ConformanceReport, { all = false }: FormatReportOptions = {}): string {
  const shown = report.cases.filter(({ outcome }) => all || outcome !== "not-applicable");
  const lines: string[] = [`${report.plugin} (${report.role})`];
  let above = "";
  for (const each of shown) {
    const requirement = requirementOf(each.id);
    if (requirement !== above) lines.push("", `${requirement} ${requirements[requirement] ?? ""}`.trimEnd());
    above = requirement;
    lines.push(formatCase(each));
  }
  return [...lines, "", formatCounts(report)].join("\n");
}

/** A case as one line of a report, with its reason on the next. */
export function formatCase({ id, title, outcome, reason, ms }: CaseReport): string {
  const line = `  ${marks[outcome]} ${title} (${id}, ${Math.round(ms)} ms)`;
  return reason === undefined ? line : `${line}\n      ${prefixes[outcome]}${reason.replaceAll("\n", "\n      ")}`;
}

/** The last line of a report. */
export function formatCounts({ counts, cases }: ConformanceReport): string {
  const words = { passed: "passed", failed: "failed", gap: "known gaps", "gap-closed": "gaps closed" } as const;
  const parts = Object.entries(words).flatMap(([outcome, word]) => {
    const count = counts[outcome as CaseOutcome];
    return count > 0 || outcome === "passed" || outcome === "failed" ? [`${count} ${word}`] : [];
  });
  return `${cases.length} cases: ${parts.join(", ")}, ${counts["not-applicable"]} not applicable`;
}

/** `P4` of `P4.no-name`. */
export function requirementOf(id: string): string {
  return id.split(".")[0] ?? id;
}

const marks: Readonly<Record<CaseOutcome, string>> = {
  passed: "✓",
  failed: "✗",
  "not-applicable": "-",
  gap: "!",
  "gap-closed": "✗",
};

const prefixes: Readonly<Record<CaseOutcome, string>> = {
  passed: "",
  failed: "",
  "not-applicable": "not applicable: ",
  gap: "known gap: ",
  "gap-closed": "passes, but is listed as a known gap: ",
};

/** What the requirements are about, as the report's headings. */
const requirements: Readonly<Record<string, string>> = {
  P1: "VERSION",
  P2: "missing variables",
  P3: "names",
  P4: "configuration and command",
  P5: "commands that a version does not have",
  P6: "results of each version",
  P7: "results of the plug-ins before",
  P8: "an interface that exists",
  P9: "a second ADD",
  P10: "DEL",
  P11: "an ADD that fails",
  P12: "CHECK",
  P13: "delegation",
  P14: "GC",
  P15: "STATUS",
  P16: "calls at once",
  P17: "what is not known",
  P18: "the plug-in's own namespace",
  P19: "what is asked for",
};
