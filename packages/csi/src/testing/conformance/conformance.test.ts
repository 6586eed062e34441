import { describe, expect, it } from "vitest";
import { memoryState } from "../../../test/support/memory-state.ts";
import { defineCsiDriver } from "../../driver/define-csi-driver.ts";
import { conformance } from "./conformance.ts";
import { describeConformance } from "./describe.ts";
import type { ConformanceOptions } from "./options.ts";
import { formatReport } from "./report.ts";

const some = ["D4.size", "D4.again", "D11.expand"];

/** A driver whose volumes are as large as they are told to be, or all of one byte. */
function options(isSound = true): ConformanceOptions {
  const driver = defineCsiDriver({
    name: "kit.csi.kx.dev",
    version: "1.0.0",
    state: memoryState(),
    createVolume: async ({ capacityRange }, { fingerprint }) => ({
      volume: { volumeId: fingerprint, capacityBytes: isSound ? (capacityRange?.requiredBytes ?? 0n) : 1n },
    }),
    deleteVolume: async () => {},
  });
  return { driver, only: some };
}

const outcomesOf = async (given: ConformanceOptions) => {
  const { cases, isConformant } = await conformance(given);
  return { isConformant, outcomes: cases.map(({ id, outcome, reason = "" }) => [id, outcome, reason]) };
};

describe("the conformance kit", () => {
  it("tells what passed, what failed, and what does not apply", async () => {
    expect(await outcomesOf(options())).toEqual({
      isConformant: true,
      outcomes: [
        ["D4.size", "passed", ""],
        ["D4.again", "passed", ""],
        ["D11.expand", "not-applicable", "the driver does not say that it has: controller EXPAND_VOLUME"],
      ],
    });
    const report = await conformance(options(false));
    expect(report.isConformant).toBe(false);
    const text = formatReport(report, { all: true }).replaceAll(/\d+ ms/g, "N ms");
    expect(text).toContain("kit.csi.kx.dev\n\nD4 volumes\n  ✗ a volume has the size asked for");
    expect(text).toContain("volume.capacity_bytes 1 is outside of the range");
    expect(text).toMatch(/\n\n3 cases: 0 passed, 2 failed, 1 not applicable$/);
  });

  it("lets known gaps be, unless they are none, and leaves out what it is told", async () => {
    const knownGaps = { "D4.size": "it is known" };
    const { outcomes } = await outcomesOf({ ...options(false), knownGaps, exempt: { "D4.again": "so it is meant" } });
    expect(outcomes.slice(0, 2)).toEqual([
      ["D4.size", "gap", expect.stringMatching(/^it is known\n.*capacity_bytes 1 is outside/)],
      ["D4.again", "not-applicable", "so it is meant"],
    ]);
    const closed = await outcomesOf({ ...options(), knownGaps });
    expect([closed.isConformant, closed.outcomes[0]]).toEqual([false, ["D4.size", "gap-closed", "it is known"]]);
  });

  it("refuses cases that it does not have, and drivers that do not answer", async () => {
    const unknown = conformance({ ...options(), knownGaps: { "D4.siz": "" } });
    await expect(unknown).rejects.toMatchObject({ code: "KX_CSI_TESTING", remedy: "did you mean D4.size?" });
    const silent = conformance({ endpoint: "unix:///tmp/kx-no-such-driver.sock", timeoutMs: 50 });
    await expect(silent).rejects.toMatchObject({ code: "KX_CSI_TESTING" });
  });

  it("is a test for each case in a test runner", async () => {
    const outcomes: string[] = [];
    const tests: (() => Promise<void>)[] = [];
    let end = async () => {};
    const runner = {
      describe: (name: string, define: () => void) => {
        outcomes.push(name);
        define();
      },
      afterAll: (last: () => Promise<void>) => {
        end = last;
      },
      it: (name: string, run: (test: { skip(reason?: string): void }) => Promise<void>) =>
        void tests.push(async () => {
          let outcome = "passed";
          const skip = () => {
            outcome = "skipped";
          };
          await run({ skip }).catch((error: Error) => {
            outcome = error.message;
          });
          outcomes.push(`${name.split(" ")[0]} ${outcome}`);
        }),
    };
    describeConformance(runner, { ...options(false), only: ["D1.probe", "D4.size", "D11.expand"] });
    for (const test of tests) await test();
    await end();
    expect(outcomes).toEqual([
      "CSI conformance of kit.csi.kx.dev",
      "D1.probe passed",
      expect.stringMatching(/^D4\.size .*capacity_bytes 1 is outside/),
      "D11.expand skipped",
    ]);
  });
});
