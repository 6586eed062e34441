import { cniCommands, cniError, cniResults, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import * as fc from "fast-check";
import { isCniVersion } from "../../src/plugin/results.ts";

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
    "kx-bridge",
    "kx-ptp",
    ...cniVersions,
  ),
);

/** Texts of standard input: a valid configuration with values at any depth replaced or left out, torn, or none at all. */
export function oddInput(valid: JsonObject): fc.Arbitrary<string> {
  const mutated = fc
    .array(fc.tuple(fc.nat(), odd, fc.boolean()), { maxLength: 4 })
    .map(
      (changes) => JSON.stringify(changes.reduce<unknown>((value, change) => mutate(value, ...change), valid)) ?? "",
    );
  // With a run of it doubled, dropped or overwritten.
  const torn = fc
    .tuple(mutated, fc.nat(), fc.nat({ max: 40 }), fc.string())
    .map(
      ([text, at, length, more]) => text.slice(0, at % text.length) + more + text.slice((at % text.length) + length),
    );
  return fc.oneof(
    { weight: 6, arbitrary: mutated },
    { weight: 3, arbitrary: torn },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: fc.json() },
  );
}

const path = "/nowhere";

/** Variables of any command, all as they should be. */
export function goodVariables(usual: Readonly<Record<string, string>>) {
  return fc.record({
    CNI_COMMAND: fc.constantFrom<string>(...cniCommands, "ADD", "ADD"),
    CNI_PATH: fc.constant(path),
    ...Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, fc.constant(value)])),
  });
}

/** Variables of any command, of which some are odd and some are left out. */
export function oddVariables(usual: Readonly<Record<string, string>>) {
  const word = (value: string) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, fc.string(), fc.constant("../x"));
  return fc.record(
    {
      CNI_COMMAND: fc.oneof({ weight: 9, arbitrary: fc.constantFrom<string>(...cniCommands) }, fc.string()),
      CNI_PATH: word(path),
      CNI_ARGS: word("K8S_POD_NAME=a;IgnoreUnknown=1"),
      TRACEPARENT: fc.string(),
      ...Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, word(value)])),
    },
    { noNullPrototype: true, requiredKeys: ["CNI_COMMAND", "CNI_PATH"] },
  );
}

/** What is wrong with an answer as such, whatever was asked; undefined if nothing is. */
export async function answerProblem(command: string, exitCode: number, stdout: string): Promise<string | undefined> {
  if (exitCode === 1) {
    const printed = JSON.parse(stdout) as { cniVersion: unknown };
    const checked = await cniError["~standard"].validate(printed);
    return checked.issues === undefined && isCniVersion(printed.cniVersion) && !stdout.includes(".ts:")
      ? undefined
      : `no CNI error: ${stdout}`;
  }
  if (command === "VERSION") return stdout.includes("supportedVersions") ? undefined : "no versions";
  if (command !== "ADD") return stdout === "" ? undefined : `${command} printed ${stdout}`;
  const result = JSON.parse(stdout) as { cniVersion: unknown };
  if (!isCniVersion(result.cniVersion)) return `a result without version: ${stdout}`;
  const checked = await cniResults[result.cniVersion]["~standard"].validate(result);
  return checked.issues === undefined ? undefined : `no result: ${stdout}`;
}

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
