import { describe, expect, it } from "vitest";
import { defineCniPlugin } from "../../plugin/define-plugin.ts";
import { conformance } from "./conformance.ts";
import { describeConformance } from "./describe.ts";
import { type ConformanceOptions, guessRole } from "./options.ts";
import { formatReport } from "./report.ts";

// Passes on what it gets, so that it is sound but for what `lax` lets it be.
const plugin = defineCniPlugin({
  name: "pass",
  add: async ({ prevResult }) => prevResult ?? {},
  del: async () => undefined,
});
const lax = defineCniPlugin({ ...handlersOf(), name: "lax", add: async () => ({ ips: [{ address: "10.0.0.1/8" }] }) });
const options = { role: "chained", namespaces: false, config: { type: "pass" } } as const;
const some = ["P4.no-name", "P7.kept", "P8"];

function handlersOf() {
  const { add, del } = plugin;
  return { add, del };
}

const outcomesOf = async (more: ConformanceOptions) => {
  const { cases, counts, isConformant } = await conformance(more);
  return { outcomes: cases.map(({ id, outcome, reason = "" }) => [id, outcome, reason]), counts, isConformant };
};

describe("the conformance suite", () => {
  it("tells what passed, and why something does not apply", async () => {
    const found = await outcomesOf({ ...options, plugin, only: some });
    expect(found).toEqual({
      outcomes: [
        ["P4.no-name", "passed", ""],
        ["P7.kept", "passed", ""],
        ["P8.existing-interface", "not-applicable", expect.stringContaining("and this one is chained")],
      ],
      counts: { passed: 2, failed: 0, "not-applicable": 1, gap: 0, "gap-closed": 0 },
      isConformant: true,
    });
  });

  it("tells what failed, and lets known gaps be, unless they are none", async () => {
    const failed = await outcomesOf({ ...options, plugin: lax, only: some });
    expect([failed.isConformant, failed.outcomes[1]]).toEqual([
      false,
      ["P7.kept", "failed", expect.stringContaining("has lost the address 10.222.")],
    ]);
    const knownGaps = { "P7.kept": "it is known" };
    const known = await outcomesOf({ ...options, plugin: lax, only: some, knownGaps });
    expect([known.isConformant, known.outcomes[1]]).toEqual([
      true,
      ["P7.kept", "gap", expect.stringMatching(/^it is known\nthe result has lost/)],
    ]);
    const closed = await outcomesOf({ ...options, plugin, only: some, knownGaps });
    expect([closed.isConformant, closed.outcomes[1]]).toEqual([false, ["P7.kept", "gap-closed", "it is known"]]);
  });

  it("leaves out what it is told, and refuses cases that it does not have", async () => {
    const { outcomes } = await outcomesOf({ ...options, plugin: lax, only: some, exempt: { P7: "so it is meant" } });
    expect(outcomes[1]).toEqual(["P7.kept", "not-applicable", "so it is meant"]);
    const unknown = conformance({ ...options, plugin, knownGaps: { "P7.kep": "" } });
    await expect(unknown).rejects.toMatchObject({ code: "KX_CNI_TESTING", remedy: "did you mean P7.kept?" });
    const roots = conformance({ plugin, config: {}, namespaces: false });
    await expect(roots).rejects.toMatchObject({ code: "KX_CNI_TESTING", remedy: "run it as root" });
  });

  it("tells each case as it ends, and stops when asked to", async () => {
    const stop = new AbortController();
    const told: string[] = [];
    const onCase = ({ id }: { readonly id: string }) => {
      told.push(id);
      stop.abort();
    };
    await expect(conformance({ ...options, plugin }, { onCase, signal: stop.signal })).rejects.toThrow();
    expect(told).toEqual(["P1.version"]);
  });

  it("prints a report like a test runner's", async () => {
    const report = await conformance({ ...options, plugin: lax, only: some });
    const text = formatReport(report).replaceAll(/\d+ ms/g, "N ms");
    expect(text).toContain(
      "lax (chained)\n\nP4 configuration and command\n  ✓ a configuration without a network's name",
    );
    expect(text).toContain("P7 results of the plug-ins before\n  ✗ a chained plug-in passes on");
    expect(text).toMatch(/\n {6}the result has lost/);
    expect(text).not.toContain("P8");
    expect(text).toMatch(/\n\n3 cases: 1 passed, 1 failed, 1 not applicable$/);
    expect(formatReport(report, { all: true })).toContain("not applicable: it is about plug-ins for interface");
  });

  it("finds out what a configuration is for", () => {
    expect(guessRole({ type: "a" })).toBe("interface");
    expect(guessRole({ type: "a", ipam: { type: "b" } })).toBe("interface");
    expect(guessRole({ type: "b", ipam: { type: "b" } })).toBe("addresses");
    expect(guessRole({ type: "a", prevResult: {} })).toBe("chained");
  });
});

describe("the suite in a test runner", () => {
  /** A test runner that runs each test when asked to. */
  async function run(more: Partial<ConformanceOptions>) {
    const tests: [string, (test: { skip(reason?: string): void }) => Promise<void>][] = [];
    let end = async () => {};
    const named: string[] = [];
    describeConformance(
      {
        describe: (name, define) => {
          named.push(name);
          define();
        },
        it: (name, test) => void tests.push([name, test]),
        afterAll: (last) => {
          end = last;
        },
      },
      { ...options, plugin, only: some, ...more },
    );
    const outcomes: string[] = [];
    for (const [name, test] of tests) {
      let outcome = "passed";
      const skip = (reason?: string) => {
        outcome = `skipped: ${reason}`;
      };
      await test({ skip }).catch((error: Error) => {
        outcome = `failed: ${error.message}`;
      });
      outcomes.push(`${name.split(" ")[0]} ${outcome}`);
    }
    await end();
    return { named, outcomes };
  }

  it("has a test for each case, of which some are skipped", async () => {
    const { named, outcomes } = await run({});
    expect(named).toEqual(["CNI conformance of pass"]);
    expect(outcomes).toEqual([
      "P4.no-name passed",
      "P7.kept passed",
      expect.stringMatching(/^P8\.existing-interface skipped: it is about plug-ins for interface/),
    ]);
  });

  it("fails where a case does, and where a gap is closed", async () => {
    expect((await run({ plugin: lax })).outcomes[1]).toMatch(/^P7\.kept failed: .*the result has lost/);
    const knownGaps = { "P7.kept": "it is known" };
    expect((await run({ plugin: lax, knownGaps })).outcomes[1]).toMatch(/^P7\.kept skipped: known gap: it is known/);
    expect((await run({ knownGaps })).outcomes[1]).toMatch(/failed: .*it passes, but is listed as a known gap/);
  });
});
