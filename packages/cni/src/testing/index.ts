// For tests of CNI plug-ins: namespaces, a runtime, and the conformance suite.

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
export type { CniPlugin, CniResult } from "../plugin/cni-plugin.ts";
export { conformance } from "./conformance/conformance.ts";
export { describeConformance } from "./conformance/describe.ts";
export { type ConformanceOptions, guessRole, type PluginRole, type TestedAttachment } from "./conformance/options.ts";
export { type ConformanceReport, formatReport } from "./conformance/report.ts";
export { type RequestedField, type RequestPlace, requestedIps, requestedMac } from "./conformance/requested.ts";
export { stateOfFolder } from "./conformance/snapshot.ts";
export {
  createFakeRuntime,
  type FakeAttachment,
  type FakeRuntime,
  type FakeRuntimeOptions,
  type FakeTarget,
} from "./fake-runtime.ts";
export { liveNetns, makeNetns, netnsContents, type ShownLink, type TestNetns, threadNetns } from "./netns.ts";
export type { CallPlugin, PluginAnswer, PluginCall, PluginUnderTest } from "./plugin-call.ts";
