import { didYouMean } from "../did-you-mean.ts";
import { KxError, type KxErrorCode } from "../error.ts";
import { type CaseReport, isCaseNamed, requirementOf } from "./conformance-report.ts";

/** What is told while a suite runs. */
export interface ConformanceProgress {
  /** Called after each case. */
  readonly onCase?: (report: CaseReport) => void;
  /** Ends the run after the case that runs. */
  readonly signal?: AbortSignal;
}

/** A case as everybody knows it. */
export interface NamedCase {
  readonly id: string;
  readonly title: string;
}

/** Which cases are treated in another way, each by its name or that of its requirement, with the reason. */
export interface CaseLists {
  /** Cases, or requirements, that are run. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Cases, or requirements, that do not hold for what is tested. */
  readonly exempt?: Readonly<Record<string, string>> | undefined;
  /** Cases that are known to fail. */
  readonly knownGaps?: Readonly<Record<string, string>> | undefined;
}

/** Thrown by a case that says nothing about what is tested. */
export class NotApplicable extends Error {
  override readonly name = "NotApplicable";
}

/** Ends a case that need not hold for what is tested, or that cannot be tried here. */
export function notApplicable(reason: string): never {
  throw new NotApplicable(reason);
}

/**
 * Looks for names that no case has.
 *
 * @param what - the suite's, and the remedy if no name is like the odd one.
 * @throws KxError of that code.
 */
export function requireCases(
  all: readonly NamedCase[],
  { only = [], exempt, knownGaps }: CaseLists,
  what: { readonly code: KxErrorCode; readonly suite: string; readonly remedy: string },
): void {
  const ids = all.map(({ id }) => id);
  const known = [...new Set([...ids, ...ids.map(requirementOf)])];
  const odd = [...only, ...Object.keys({ ...exempt, ...knownGaps })].find((name) => !known.includes(name));
  if (odd === undefined) return;
  const meant = didYouMean(odd, known);
  throw new KxError(what.code, `${what.suite} has no case ${odd}`, {
    remedy: meant === undefined ? what.remedy : `did you mean ${meant}?`,
  });
}

/** Why the lists say that a case does not apply, if they do. */
export function exemptionOf(id: string, { exempt = {} }: CaseLists): string | undefined {
  return Object.entries(exempt).find(([name]) => isCaseNamed(id, [name]))?.[1];
}

/** Runs cases one after another. */
export async function runCases<Case>(
  cases: readonly Case[],
  run: (one: Case) => Promise<CaseReport>,
  { onCase, signal }: ConformanceProgress,
): Promise<readonly CaseReport[]> {
  const reports: CaseReport[] = [];
  for (const one of cases) {
    signal?.throwIfAborted();
    const report = await run(one);
    reports.push(report);
    onCase?.(report);
  }
  return reports;
}

/** How a case is tried. */
export interface CaseTrial<Scope> {
  /** Why it does not apply, if that is known before. */
  readonly excuse: string | undefined;
  /** Why it is known to fail, if it is. */
  readonly gap: string | undefined;
  /** Makes what the case works with; it is disposed when the case has ended. */
  readonly openScope: () => Promise<Scope> | Scope;
  /** Throws if what is tested does not do it. */
  readonly run: (scope: Scope) => Promise<void>;
}

/** Runs one case, and takes away what it made. */
export async function tryCase<Scope extends { dispose(): Promise<void> }>(
  { id, title }: NamedCase,
  { excuse, gap, openScope, run }: CaseTrial<Scope>,
): Promise<CaseReport> {
  const started = performance.now();
  const ended = (outcome: CaseReport["outcome"], reason?: string): CaseReport => {
    const ms = performance.now() - started;
    return { id, title, outcome, ms, ...(reason === undefined ? {} : { reason }) };
  };
  if (excuse !== undefined) return ended("not-applicable", excuse);
  const scope = await openScope();
  try {
    await run(scope);
    return gap === undefined ? ended("passed") : ended("gap-closed", gap);
  } catch (error) {
    if (error instanceof NotApplicable) return ended("not-applicable", error.message);
    const { reason } = KxError.from(error);
    return gap === undefined ? ended("failed", reason) : ended("gap", `${gap}\n${reason}`);
  } finally {
    await scope.dispose();
  }
}

/** What a test gets that can be left out while it runs, as vitest's context is. */
export interface SkippableTest {
  skip(reason?: string): void;
}

/** The functions of a test runner such as vitest, handed in so that a suite depends on none. */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly it: (name: string, run: (test: SkippableTest) => Promise<void>) => unknown;
  readonly afterAll: (run: () => Promise<void>) => unknown;
}

/** A suite whose cases become tests. */
export interface DescribedSuite<Case extends NamedCase, Lab extends AsyncDisposable> {
  readonly name: string;
  readonly cases: () => readonly Case[];
  /** Makes what all cases share: before the first, and disposed after the last. */
  readonly openLab: () => Promise<Lab>;
  readonly runCase: (lab: Lab, one: Case) => Promise<CaseReport>;
  /** Of the errors with which tests fail. */
  readonly code: KxErrorCode;
}

/**
 * Registers each case of a suite as a test. Cases that do not apply are skipped with their reason; known gaps too, and one that
 * is closed fails.
 */
export function describeCases<Case extends NamedCase, Lab extends AsyncDisposable>(
  { describe, it, afterAll }: TestRunner,
  { name, cases, openLab, runCase, code }: DescribedSuite<Case, Lab>,
): void {
  let lab: Promise<Lab> | undefined;
  describe(name, () => {
    afterAll(async () => {
      await (await lab)?.[Symbol.asyncDispose]();
    });
    for (const one of cases()) {
      it(`${one.id} ${one.title}`, async (test) => {
        const { outcome, reason = "" } = await runCase(await (lab ??= openLab()), one);
        if (outcome === "passed") return;
        if (outcome === "not-applicable") test.skip(reason);
        else if (outcome === "gap") test.skip(`known gap: ${reason}`);
        else if (outcome === "failed") throw new KxError(code, reason);
        else throw new KxError(code, `it passes, but is listed as a known gap: ${reason}`);
      });
    }
  });
}
