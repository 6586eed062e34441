import { defineConfig } from "vitest/config";

// What the e2e tier needs is told here, once: a machine that cannot run it says so, and with CI=true fails.
const reason =
  process.platform !== "linux"
    ? "it needs Linux"
    : process.getuid?.() !== 0
      ? "it needs root (namespaces, mounts, cgroups)"
      : undefined;
if (reason !== undefined) {
  if (process.env["CI"] === "true") throw new Error(`the e2e tier cannot run here: ${reason}`);
  console.error(`the e2e tier is left out: ${reason}`);
}

const inTier = (...patterns: readonly string[]) => (reason === undefined ? [...patterns] : []);
/** They compare what the whole machine has before and after: processes, mounts, links, loop devices, sockets. */
const alone = inTier(
  "packages/cluster/test/e2e/{bad-input,control-plane,kill,leaks,own-cluster}.test.ts",
  "packages/csi/test/e2e/snapshot-metadata.test.ts",
  "apps/cli/test/e2e/{clean-clone,up-down}.test.ts",
);
const e2e = {
  include: inTier("{packages,apps}/*/test/e2e/**/*.test.ts"),
  // Processes, not threads: what a cluster spawns dies with the thread that spawned it.
  pool: "forks" as const,
  globalSetup: ["vitest.e2e-setup.ts"],
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

// One root configuration; the tiers are projects (docs/adr/0006-test-tiers.md).
export default defineConfig({
  test: {
    reporters: ["default", "./tooling/test-summary.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["{packages,apps}/*/src/**/*.test.ts", "tooling/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "conformance",
          include: ["{packages,apps}/*/test/conformance/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...e2e,
          name: "e2e",
          exclude: alone,
          // They wait more than they work.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: { ...e2e, name: "e2e-alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 3 } },
      },
    ],
  },
});
