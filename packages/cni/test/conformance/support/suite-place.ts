import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConformanceOptions,
  conformance,
  formatCounts,
  formatReport,
  makeNetns,
  type TestNetns,
} from "@kx/cni/testing";
import { afterEach, beforeEach, expect } from "vitest";
import type { SuitePlace } from "./suite-options.ts";

/** What a run of the suite has, made anew for each test. */
export interface PresentPlace {
  readonly host: TestNetns;
  readonly folder: string;
  readonly place: SuitePlace;
}

/** Makes a place before each test of a file, and takes it away after it. Gives the present one. */
export function useSuitePlace(): () => PresentPlace {
  let present: PresentPlace | undefined;
  beforeEach(async () => {
    const folder = mkdtempSync(join(tmpdir(), "kx-suite-"));
    const host = await makeNetns("host");
    const dataDir = join(folder, "leases");
    mkdirSync(dataDir);
    present = { host, folder, place: { prefix: "kx-", dataDir, host } };
  });
  afterEach(async () => {
    await present?.host.dispose();
    if (present !== undefined) rmSync(present.folder, { recursive: true });
    present = undefined;
  });
  return () => {
    if (present === undefined) throw new Error("there is a place only while a test runs");
    return present;
  };
}

/** Runs the suite; each case has to pass, or to be about something else. */
export async function passes(how: string, options: ConformanceOptions): Promise<void> {
  const report = await conformance(options);
  console.log(`${how}: ${formatCounts(report)}`);
  const failed = report.cases.filter(({ outcome }) => outcome !== "passed" && outcome !== "not-applicable");
  expect(failed, formatReport(report)).toEqual([]);
  expect(report.counts.passed).toBeGreaterThan(30);
}
