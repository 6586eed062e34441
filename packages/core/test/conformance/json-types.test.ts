// Our contracts in JSON against the published Go types: Go takes our full examples, strictly and without a loss, and has no
// field that they lack.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type CniResults, cniVersions } from "@kx/core/contracts/cni";
import { beforeAll, describe, expect, test } from "vitest";
import * as example from "../support/contract-examples.ts";
import { goEnvironment, goProgram } from "../support/go-program.ts";

interface Answer {
  readonly error: string;
  readonly written?: unknown;
  /** Fields of the type that no value sets. */
  readonly unset: readonly string[];
}

interface Contract {
  readonly name: string;
  readonly document: unknown;
  /** Fields of the Go type that stand for something else: of a review, the half that is not sent. */
  readonly absent?: readonly string[];
}

const cniExamples: CniResults = {
  "0.1.0": example.result020,
  "0.2.0": example.result020,
  "0.3.0": example.result040,
  "0.3.1": example.result040,
  "0.4.0": example.result040,
  "1.0.0": example.result100,
  "1.1.0": example.result110,
};
const since110 = ["Interface.Mtu", "Interface.PciID", "Interface.SocketPath"];

const victims = example.victims;
const contracts: readonly Contract[] = [
  ...cniVersions.map((version) => ({
    name: `CNI result ${version}`,
    document: { ...cniExamples[version], cniVersion: version },
    // Go has one type for 1.0.0 and 1.1.0.
    absent: version === "1.0.0" ? since110 : [],
  })),
  { name: "CNI error", document: { code: 11, msg: "later", details: "the pool is empty" } },
  { name: "CDI file", document: example.cdi },
  { name: "credential request", document: example.providerRequest },
  { name: "credential response", document: example.providerResponse },
  { name: "credential provider configuration", document: example.providerConfig },
  { name: "filter arguments", document: example.filterArgs },
  { name: "filter result", document: example.filterResult },
  { name: "priorities", document: [{ Host: "n1", Score: 10 }] },
  { name: "preemption arguments", document: example.preemptionArgs },
  { name: "preemption result", document: victims },
  { name: "binding arguments", document: { PodName: "a", PodNamespace: "b", PodUID: "c", Node: "n1" } },
  { name: "binding result", document: { Error: "no" } },
  { name: "admission request", document: example.admissionRequest, absent: ["AdmissionReview.Response"] },
  { name: "admission response", document: example.admissionResponse, absent: ["AdmissionReview.Request"] },
  { name: "conversion request", document: example.conversionRequest, absent: ["ConversionReview.Response"] },
  { name: "conversion response", document: example.conversionResponse, absent: ["ConversionReview.Request"] },
];

const env = goEnvironment();
if (env === undefined) {
  const told = "the contracts in JSON are not compared with Go's types: there is no Go to build them with";
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

describe.skipIf(env === undefined)("contracts in JSON and Go's types", () => {
  let ask: (documents: Readonly<Record<string, unknown>>) => Readonly<Record<string, Answer>>;
  let answers: Readonly<Record<string, Answer>>;

  // Ten minutes: the first build compiles Kubernetes' types.
  beforeAll(() => {
    const program = goProgram("json-types", join(import.meta.dirname, "json-types"), env ?? {});
    ask = (documents) =>
      JSON.parse(execFileSync(program, { input: JSON.stringify(documents), encoding: "utf8" })) as Record<
        string,
        Answer
      >;
    answers = ask(Object.fromEntries(contracts.map(({ name, document }) => [name, document])));
  }, 600_000);

  test.each(contracts)("$name", ({ name, document, absent = [] }) => {
    const answer = answers[name];
    expect(answer?.error).toBe("");
    const leaves = leavesOf(document, "");
    const written = new Map(leavesOf(answer?.written, ""));
    const lost = leaves.filter(([path, value]) => written.get(path) !== value);
    console.log(
      `${name}: ${leaves.length} values compared; lost in Go: ${lost.length}; unset in Go: ${String(answer?.unset)}`,
    );
    expect(lost).toEqual([]);
    expect(answer?.unset).toEqual(absent);
  });

  test("planted differences are reported: a wrong name, a wrong case, a missing field", () => {
    const planted = ask({
      "binding result": { Err: "no" },
      "binding arguments": { podName: "a", PodNamespace: "b", PodUID: "c", Node: "n1" },
      priorities: [{ Host: "n1" }],
    });
    expect(planted["binding result"]?.error).toContain('unknown field "Err"');
    const written = new Map(leavesOf(planted["binding arguments"]?.written, ""));
    expect(written.has(".podName")).toBe(false);
    expect(planted["priorities"]?.unset).toEqual(["HostPriority.Score"]);
  });
});

/** Every value that is not zero, with its path: Go leaves zeros out or writes null. */
function leavesOf(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, item]) => leavesOf(item, `${path}.${key}`));
  }
  return value === null || value === "" || value === 0 || value === false ? [] : [[path, value]];
}
