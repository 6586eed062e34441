import { cniCommands, cniError, cniResults, cniVersions } from "@kx/core/contracts/cni";
import { collectingLogger } from "@kx/core/testing";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defineCniPlugin } from "./define-plugin.ts";
import { handleCniCall } from "./handle-call.ts";
import { isCniVersion } from "./results.ts";

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

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null,
    "",
    0,
    -1,
    Number.MAX_VALUE,
    [],
    {},
    "../..",
    "\0",
    "x".repeat(300),
    "0.0.0",
    ...cniVersions,
  ),
);

/** The valid configuration with some of its values, at any depth, replaced or left out. */
const mutated = fc
  .array(fc.tuple(fc.nat(), odd, fc.boolean()), { maxLength: 4 })
  .map((changes) => JSON.stringify(changes.reduce<unknown>((value, change) => mutate(value, ...change), valid)) ?? "");

function mutate(root: unknown, at: number, value: unknown, isRemoval: boolean): unknown {
  let left = at % count(root);
  const visit = (node: unknown): unknown => {
    if (left-- === 0) return isRemoval ? undefined : value;
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, visit(item)]));
  };
  return visit(root);
}

function count(node: unknown): number {
  if (typeof node !== "object" || node === null) return 1;
  return Object.values(node).reduce<number>((sum, item) => sum + count(item), 1);
}

/** A text with a run of it doubled, dropped or overwritten. */
const torn = fc
  .tuple(mutated, fc.nat(), fc.nat({ max: 40 }), fc.string())
  .map(([text, at, length, more]) => text.slice(0, at % text.length) + more + text.slice((at % text.length) + length));

const stdin = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 3, arbitrary: torn },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.json() },
);

const word = (usual: string) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, fc.string(), fc.constant("../x"));
const env = fc.record(
  {
    CNI_COMMAND: fc.oneof({ weight: 9, arbitrary: fc.constantFrom<string>(...cniCommands) }, fc.string()),
    CNI_CONTAINERID: word("a1"),
    CNI_NETNS: word("/proc/self/ns/net"),
    CNI_NETNS_OVERRIDE: word("1"),
    CNI_IFNAME: word("eth0"),
    CNI_ARGS: word("K8S_POD_NAME=a;IgnoreUnknown=1"),
    CNI_PATH: word("/nowhere"),
    TRACEPARENT: fc.string(),
  },
  { noNullPrototype: true, requiredKeys: ["CNI_COMMAND", "CNI_PATH"] },
);

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
  if (exitCode === 1) {
    const printed = JSON.parse(stdout) as { cniVersion: unknown; code: number; msg: string };
    const checked = await cniError["~standard"].validate(printed);
    if (checked.issues !== undefined || !isCniVersion(printed.cniVersion)) return `no CNI error: ${stdout}`;
    // 999 would be a fault of the kit itself, as this plug-in has none.
    return printed.code === 999 || stdout.includes(".ts:") ? `an unforeseen error: ${stdout}` : undefined;
  }
  if (command === "VERSION") return stdout.includes("supportedVersions") ? undefined : "no versions";
  if (command !== "ADD") return stdout === "" ? undefined : `${command} printed ${stdout}`;
  const result = JSON.parse(stdout) as { cniVersion: unknown };
  if (!isCniVersion(result.cniVersion)) return `a result without version: ${stdout}`;
  const checked = await cniResults[result.cniVersion]["~standard"].validate(result);
  return checked.issues === undefined ? undefined : `no result: ${stdout}`;
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
