// For tests of CSI drivers: a container orchestrator of one node, and the conformance kit.

export { type CreateVolumeInit, createCo, type TestCo, type UseOptions, type VolumeUse } from "./co.ts";
export { type ConformanceProgress, conformance } from "./conformance/conformance.ts";
export { describeConformance, type SkippableTest, type TestRunner } from "./conformance/describe.ts";
export type { ConformanceOptions } from "./conformance/options.ts";
export {
  type CaseOutcome,
  type CaseReport,
  type ConformanceReport,
  type FormatReportOptions,
  formatCase,
  formatCounts,
  formatReport,
} from "./conformance/report.ts";
export { type DriverCalls, type DriverUnderTest, openDriver, type TestedDriver } from "./driver-under-test.ts";
export type { Capability } from "./read-capabilities.ts";
