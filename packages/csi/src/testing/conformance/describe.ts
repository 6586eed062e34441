import { describeCases, type TestRunner } from "@kx/core/testing";
import { checkedCases, runCase } from "./conformance.ts";
import { createLab } from "./lab.ts";
import type { ConformanceOptions } from "./options.ts";

/**
 * Registers each case of the conformance kit as a test: `describeConformance({ describe, it, afterAll }, options)`. Cases
 * that do not apply are skipped with their reason; known gaps too, and one that is closed fails.
 */
export function describeConformance(runner: TestRunner, options: ConformanceOptions): void {
  describeCases(runner, {
    name: `CSI conformance of ${options.driver?.name ?? options.endpoint}`,
    cases: () => checkedCases(options),
    openLab: () => createLab(options),
    runCase,
    code: "KX_CSI_CONFORMANCE",
  });
}
