/** How a case ended. A `gap` is a failure that was expected; `gap-closed` one that was, and did not come. */
export type CaseOutcome = "passed" | "failed" | "not-applicable" | "gap" | "gap-closed";

/** One case of a conformance suite, and how it ended. */
export interface CaseReport {
  /** Its requirement and its name: `P4.no-name`. */
  readonly id: string;
  readonly title: string;
  readonly outcome: CaseOutcome;
  /** Why, unless it passed. */
  readonly reason?: string;
  readonly ms: number;
}

/** Cases with their sum. */
export interface CaseSummary {
  readonly cases: readonly CaseReport[];
  readonly counts: Readonly<Record<CaseOutcome, number>>;
  /** No case failed, and no gap was closed without being taken off the list. */
  readonly isConformant: boolean;
}

const outcomes: readonly CaseOutcome[] = ["passed", "failed", "not-applicable", "gap", "gap-closed"];

/** Sums cases up. */
export function summarizeCases(cases: readonly CaseReport[]): CaseSummary {
  const count = (outcome: CaseOutcome) => cases.filter((each) => each.outcome === outcome).length;
  const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, count(outcome)])) as CaseSummary["counts"];
  return { cases, counts, isConformant: counts.failed + counts["gap-closed"] === 0 };
}

/** How a report is written. */
export interface FormatReportOptions {
  /** Also the cases that do not apply, each with its reason. Default: false, their number alone. */
  readonly all?: boolean;
}

/** What a report says beside its cases. */
export interface ReportHeadings {
  /** The first line: what was tested. */
  readonly subject: string;
  /** What each requirement is about, by its name. */
  readonly requirements: Readonly<Record<string, string>>;
}

/** Cases as a test runner prints them: a line a case, its requirement above it, and a summary. */
export function formatCases(
  summary: CaseSummary,
  { subject, requirements }: ReportHeadings,
  { all = false }: FormatReportOptions = {},
): string {
  const shown = summary.cases.filter(({ outcome }) => all || outcome !== "not-applicable");
  const lines: string[] = [subject];
  let above = "";
  for (const each of shown) {
    const requirement = requirementOf(each.id);
    if (requirement !== above) lines.push("", `${requirement} ${requirements[requirement] ?? ""}`.trimEnd());
    above = requirement;
    lines.push(formatCase(each));
  }
  return [...lines, "", formatCounts(summary)].join("\n");
}

/** A case as one line of a report, with its reason on the next. */
export function formatCase({ id, title, outcome, reason, ms }: CaseReport): string {
  const line = `  ${marks[outcome]} ${title} (${id}, ${Math.round(ms)} ms)`;
  return reason === undefined ? line : `${line}\n      ${prefixes[outcome]}${reason.replaceAll("\n", "\n      ")}`;
}

/** The last line of a report. */
export function formatCounts({ counts, cases }: Omit<CaseSummary, "isConformant">): string {
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

/** Whether a list names a case, or its requirement. */
export function isCaseNamed(id: string, names: readonly string[]): boolean {
  return names.includes(id) || names.includes(requirementOf(id));
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
