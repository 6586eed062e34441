/** How a case ended. A `gap` is a failure that was expected; `gap-closed` one that was, and did not come. */
export type CaseOutcome = "passed" | "failed" | "not-applicable" | "gap" | "gap-closed";

/** One case of the kit, and how it ended. */
export interface CaseReport {
  /** Such as `D4.again`. */
  readonly id: string;
  readonly title: string;
  readonly outcome: CaseOutcome;
  /** Why, unless it passed. */
  readonly reason?: string;
  readonly ms: number;
}

/** What the kit found out about a driver. */
export interface ConformanceReport {
  /** The driver's name. */
  readonly driver: string;
  readonly cases: readonly CaseReport[];
  readonly counts: Readonly<Record<CaseOutcome, number>>;
  /** No case failed, and no gap was closed without being taken off the list. */
  readonly isConformant: boolean;
}

const outcomes: readonly CaseOutcome[] = ["passed", "failed", "not-applicable", "gap", "gap-closed"];

/** Sums cases up. */
export function makeReport(driver: string, cases: readonly CaseReport[]): ConformanceReport {
  const count = (outcome: CaseOutcome) => cases.filter((each) => each.outcome === outcome).length;
  const counts = Object.fromEntries(
    outcomes.map((outcome) => [outcome, count(outcome)]),
  ) as ConformanceReport["counts"];
  return { driver, cases, counts, isConformant: counts.failed + counts["gap-closed"] === 0 };
}

/** How a report is written. */
export interface FormatReportOptions {
  /** Also the cases that do not apply, each with its reason. Default: false, their number alone. */
  readonly all?: boolean;
}

/** A report as a test runner prints one: a line a case, its requirement above it, and a summary. */
export function formatReport(report: ConformanceReport, { all = false }: FormatReportOptions = {}): string {
  const shown = report.cases.filter(({ outcome }) => all || outcome !== "not-applicable");
  const lines: string[] = [report.driver];
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

/** `P4` of `D4.again`. */
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
  D1: "identity",
  D2: "capabilities as they are told",
  D3: "requests that lack something",
  D4: "volumes",
  D5: "content of volumes",
  D6: "sizes of fields",
  D7: "calls at once",
  D8: "lists",
  D9: "snapshots",
  D10: "group snapshots",
  D11: "growing and modifying",
  D12: "attaching",
  D13: "volumes on the node",
  D14: "secrets",
  D15: "health",
};
