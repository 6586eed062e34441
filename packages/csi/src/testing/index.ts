// For tests of CSI drivers: a container orchestrator of one node, the conformance kit, and the file for Kubernetes' own suite.

export {
  type CaseOutcome,
  type CaseReport,
  type ConformanceProgress,
  type FormatReportOptions,
  formatCase,
  formatCounts,
  type SkippableTest,
  type TestRunner,
} from "@kx/core/testing";
export { type CreateVolumeInit, createCo, type TestCo, type UseOptions, type VolumeUse } from "./co.ts";
export { conformance } from "./conformance/conformance.ts";
export { describeConformance } from "./conformance/describe.ts";
export type { DriverFaults } from "./conformance/faults.ts";
export type { ConformanceOptions } from "./conformance/options.ts";
export { type ConformanceReport, formatReport } from "./conformance/report.ts";
export { type DriverCalls, type DriverUnderTest, openDriver, type TestedDriver } from "./driver-under-test.ts";
export type { Capability } from "./read-capabilities.ts";
export { type DescribeTestDriverOptions, describeTestDriver } from "./test-driver/describe-test-driver.ts";
export type { TestDriverOptions } from "./test-driver/plan-test-driver.ts";
export {
  type TestCapability,
  type TestClass,
  type TestDriverFile,
  testCapabilities,
} from "./test-driver/test-driver-file.ts";
