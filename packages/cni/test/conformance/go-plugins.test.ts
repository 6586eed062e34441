// The Go plug-ins v1.9.1 go through the conformance suite: what they do not hold to is listed, and nothing else fails.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureAssets } from "@kx/cluster";
import { conformance, formatCounts, formatReport, makeNetns, type TestNetns } from "@kx/cni/testing";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { goPluginGaps } from "./support/go-plugin-gaps.ts";
import { runsHere } from "./support/privileges.ts";
import { suiteOptions } from "./support/suite-options.ts";

type GoPlugin = keyof typeof goPluginGaps;
const plugins = Object.keys(goPluginGaps) as readonly GoPlugin[];

describe.runIf(runsHere("the conformance suite for the Go plug-ins"))("the suite tells of the Go plug-in", () => {
  let host: TestNetns;
  let dataDir: string;
  let fileOf: (name: GoPlugin) => string;

  beforeAll(async () => {
    const assets = await ensureAssets({ names: plugins });
    fileOf = (name) => assets.path(name);
  }, 600_000);
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "kx-suite-"));
    host = await makeNetns("host");
  });
  afterEach(async () => {
    await host.dispose();
    rmSync(dataDir, { recursive: true });
  });

  test.each(plugins)(
    "%s what is listed, and no more",
    async (name) => {
      const executable = fileOf(name);
      const options = suiteOptions(name, { prefix: "", dataDir, host });
      const path = [dirname(executable), dirname(fileOf("host-local"))];
      const report = await conformance({ ...options, executable, path, knownGaps: goPluginGaps[name] });
      console.log(`${name} v1.9.1: ${formatCounts(report)}`);
      const odd = report.cases.filter(({ outcome }) => outcome === "failed" || outcome === "gap-closed");
      expect(odd, formatReport(report)).toEqual([]);
      expect([report.counts.passed > 30, report.counts.gap]).toEqual([true, Object.keys(goPluginGaps[name]).length]);
    },
    600_000,
  );
});
