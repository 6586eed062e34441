import { writeSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** How many tests ended how. */
export interface TestCounts {
  readonly passed: number;
  /** Failed tests, and each file, suite or stray error that failed apart from a test. */
  readonly failed: number;
  readonly skipped: number;
}

/** The line that tells the counts. */
export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  return `tests: ${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Counts what ran. */
export function countTests(modules: readonly TestModule[], strayErrors: readonly SerializedError[]): TestCounts {
  let [passed, failed, skipped] = [0, strayErrors.length, 0];
  for (const module of modules) {
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") passed += 1;
      else if (state === "failed") failed += 1;
      else skipped += 1;
    }
  }
  return { passed, failed, skipped };
}

/** Prints the counts alone on the run's last line, behind all that teardown prints. */
export default class TestSummary implements Reporter {
  #counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };

  constructor() {
    process.once("exit", (code) => {
      // What failed outside of any test (set-up, the configuration) shows only in the exit code.
      const failed = code === 0 ? this.#counts.failed : Math.max(1, this.#counts.failed);
      writeSync(1, `${summaryLine({ ...this.#counts, failed })}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], strayErrors: readonly SerializedError[]): void {
    this.#counts = countTests(modules, strayErrors);
  }
}
