import { collectingLogger } from "@kx/core/testing";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerProblem, oddInput, oddVariables } from "../../test/support/odd-calls.ts";
import { defineCniPlugin } from "./define-plugin.ts";
import { handleCniCall } from "./handle-call.ts";

const runs = 10_000;
const seed = Number(process.env["KX_FUZZ_SEED"] ?? 20_261_125);

const valid = {
  cniVersion: "1.1.0",
  name: "net",
  type: "fuzzed",
  capabilities: { portMappings: true },
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }]] },
  dns: { nameservers: ["10.0.0.1"] },
  args: { cni: { mac: "00:11:22:33:44:55" } },
  runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80 }], ips: ["10.1.0.2/16"] },
  prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/24" }], interfaces: [{ name: "eth0" }] },
  "cni.dev/valid-attachments": [{ containerID: "a", ifname: "eth0" }],
};

const stdin = oddInput(valid);
const env = oddVariables({
  CNI_CONTAINERID: "a1",
  CNI_NETNS: "/proc/self/ns/net",
  CNI_NETNS_OVERRIDE: "1",
  CNI_IFNAME: "eth0",
});

/** Goes back to what it was given, so that bad input that got through shows. */
const echo = defineCniPlugin({
  name: "fuzzed",
  add: async (request) => request.prevResult ?? { interfaces: [{ name: request.ifName }] },
  del: async () => undefined,
  check: async () => undefined,
  gc: async () => undefined,
  status: async () => undefined,
});

async function problemOf(command: string, exitCode: number, stdout: string): Promise<string | undefined> {
  const problem = await answerProblem(command, exitCode, stdout);
  if (problem !== undefined || exitCode === 0) return problem;
  // That would be a fault of the kit itself, as this plug-in has none.
  return (JSON.parse(stdout) as { code: number }).code === 999 ? `an unforeseen error: ${stdout}` : undefined;
}

describe("fuzz", () => {
  it(`answers ${runs} calls with a result or a CNI error, seed ${seed}`, { timeout: 120_000 }, async () => {
    const seen = { results: 0, errors: new Set<number>() };
    await fc.assert(
      fc.asyncProperty(env, stdin, async (variables, text) => {
        const outcome = await handleCniCall(echo, { env: variables, stdin: text }, { log: collectingLogger() });
        expect(await problemOf(variables.CNI_COMMAND, outcome.exitCode, outcome.stdout)).toBeUndefined();
        if (outcome.exitCode === 0) seen.results++;
        else seen.errors.add((JSON.parse(outcome.stdout) as { code: number }).code);
      }),
      { numRuns: runs, seed },
    );
    // The inputs are worth something only if many get through and the others fail in every way.
    expect(seen.results).toBeGreaterThan(runs / 10);
    expect([...seen.errors].toSorted((a, b) => a - b)).toEqual([1, 4, 6, 7, 8]);
  });
});
