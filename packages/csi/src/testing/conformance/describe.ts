import { KxError } from "@kx/core";
import { checkedCases, runCase } from "./conformance.ts";
import { createLab, type Lab } from "./lab.ts";
import type { ConformanceOptions } from "./options.ts";

/** What a test gets that can be left out while it runs, as vitest's context is. */
export interface SkippableTest {
  skip(reason?: string): void;
}

/** The functions of a test runner such as vitest, handed in so that the kit depends on none. */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly it: (name: string, run: (test: SkippableTest) => Promise<void>) => unknown;
  readonly afterAll: (run: () => Promise<void>) => unknown;
}

/**
 * Registers each case of the conformance kit as a test: `describeConformance({ describe, it, afterAll }, options)`. Cases
 * that do not apply are skipped with their reason; known gaps too, and one that is closed fails.
 */
export function describeConformance({ describe, it, afterAll }: TestRunner, options: ConformanceOptions): void {
  let lab: Promise<Lab> | undefined;
  describe(`CSI conformance of ${options.driver?.name ?? options.endpoint}`, () => {
    afterAll(async () => {
      await (await lab)?.[Symbol.asyncDispose]();
    });
    for (const one of checkedCases(options)) {
      it(`${one.id} ${one.title}`, async (test) => {
        const report = await runCase(await (lab ??= createLab(options)), one);
        const { outcome, reason = "" } = report;
        if (outcome === "passed") return;
        if (outcome === "not-applicable") test.skip(reason);
        else if (outcome === "gap") test.skip(`known gap: ${reason}`);
        else if (outcome === "failed") throw new KxError("KX_CSI_CONFORMANCE", reason);
        else throw new KxError("KX_CSI_CONFORMANCE", `it passes, but is listed as a known gap: ${reason}`);
      });
    }
  });
}
