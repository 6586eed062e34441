import { describe, expect, test } from "vitest";
import * as example from "../../test/support/contract-examples.ts";
import { mutate } from "../../test/support/mutate-json.ts";
import { fuzzSeed, randomOf } from "../../test/support/random.ts";
import type { Schema, StandardResult } from "../schema.ts";
import { cdiSpec } from "./cdi/index.ts";
import { cniError, cniErrorCodes, cniResults, networkConfigList, pluginConfig, versionResult } from "./cni/index.ts";
import * as provider from "./credential-provider/index.ts";
import * as scheduler from "./scheduler/index.ts";
import * as webhook from "./webhook/index.ts";

interface Case {
  readonly name: string;
  readonly schema: Schema<unknown>;
  readonly document: object;
  /** Whether a field that the contract does not name is kept or refused. */
  readonly unknown: "kept" | "refused";
}

const kept = (name: string, schema: Schema<unknown>, document: object): Case => ({
  name,
  schema,
  document,
  unknown: "kept",
});
const refused = (name: string, schema: Schema<unknown>, document: object): Case => ({
  name,
  schema,
  document,
  unknown: "refused",
});

const cases: readonly Case[] = [
  kept("CNI configuration", pluginConfig, example.config),
  kept("CNI list", networkConfigList, example.list),
  kept("CNI result 0.1.0", cniResults["0.1.0"], example.result020),
  kept("CNI result 0.2.0", cniResults["0.2.0"], example.result020),
  kept("CNI result 0.3.0", cniResults["0.3.0"], example.result040),
  kept("CNI result 0.3.1", cniResults["0.3.1"], example.result040),
  kept("CNI result 0.4.0", cniResults["0.4.0"], example.result040),
  kept("CNI result 1.0.0", cniResults["1.0.0"], example.result100),
  kept("CNI result 1.1.0", cniResults["1.1.0"], example.result110),
  kept("CNI versions", versionResult, { cniVersion: "1.1.0", supportedVersions: ["0.1.0", "1.1.0"] }),
  kept("CNI error", cniError, { cniVersion: "1.1.0", code: cniErrorCodes.tryAgainLater, msg: "later", details: "d" }),
  refused("CDI file", cdiSpec, example.cdi),
  kept("credential request", provider.credentialProviderRequest, example.providerRequest),
  refused("credential response", provider.credentialProviderResponse, example.providerResponse),
  refused("credential provider configuration", provider.credentialProviderConfig, example.providerConfig),
  kept("filter arguments", scheduler.extenderArgs, example.filterArgs),
  refused("filter result", scheduler.extenderFilterResult, example.filterResult),
  kept("preemption arguments", scheduler.extenderPreemptionArgs, example.preemptionArgs),
  refused("preemption result", scheduler.extenderPreemptionResult, example.victims),
  kept("binding arguments", scheduler.extenderBindingArgs, {
    PodName: "a",
    PodNamespace: "b",
    PodUID: "c",
    Node: "n1",
  }),
  refused("binding result", scheduler.extenderBindingResult, { Error: "no" }),
  kept("admission request", webhook.admissionReviewRequest, example.admissionRequest),
  refused("admission response", webhook.admissionReviewResponse, example.admissionResponse),
  kept("conversion request", webhook.conversionReviewRequest, example.conversionRequest),
  refused("conversion response", webhook.conversionReviewResponse, example.conversionResponse),
];

function check<T>(schema: Schema<T>, value: unknown): StandardResult<T> {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new Error("a contract is checked at once");
  return result;
}

describe("contracts in JSON", () => {
  test.each(cases)("$name: a full document comes through unchanged", ({ schema, document }) => {
    expect(check(schema, JSON.parse(JSON.stringify(document)))).toEqual({ value: document });
  });

  test.each(cases)("$name: unknown fields are $unknown", ({ schema, document, unknown }) => {
    const more = { ...document, "example.com/new": [1] };
    const result = check(schema, more);
    if (unknown === "kept") expect(result).toEqual({ value: more });
    else expect(result.issues?.map(({ message }) => message).join()).toContain("example.com/new");
  });

  test.each(cases)("$name: describes itself", ({ schema }) => {
    expect(schema.jsonSchema?.()).toMatchObject({ type: "object", properties: expect.any(Object) });
  });

  // Whatever comes in: an answer, never an exception; and what was taken once is taken again as it is.
  test("decoders stand 40 mutations of each document, 1,000 in all", () => {
    const seed = fuzzSeed();
    console.log(`fuzzing with KX_FUZZ_SEED=${seed}`);
    const random = randomOf(seed);
    const counts = { taken: 0, refused: 0 };
    for (const { name, schema, document } of cases) {
      for (let round = 0; round < 40; round++) {
        const mutated = mutate(document, random);
        const result = check(schema, mutated);
        counts[result.issues === undefined ? "taken" : "refused"]++;
        if (result.issues === undefined) expect(check(schema, result.value), `${name}, seed ${seed}`).toEqual(result);
        else expect(result.issues, `${name}, seed ${seed}`).not.toHaveLength(0);
      }
    }
    console.log(`${counts.taken} documents were taken, ${counts.refused} refused`);
    expect(counts.taken).toBeGreaterThan(50);
    expect(counts.refused).toBeGreaterThan(250);
  });
});

describe("what is refused", () => {
  const refusals: readonly (readonly [string, Schema<unknown>, unknown, string])[] = [
    ["a network without a name", pluginConfig, { type: "x" }, "name"],
    ["a network's name with a slash", pluginConfig, { ...example.config, name: "../x" }, "name"],
    ["a type with a folder", pluginConfig, { ...example.config, type: "../bin/sh" }, "type"],
    ["an octal address", pluginConfig, withRange("010.0.0.0/8"), "runtimeConfig.ipRanges.0.0.subnet"],
    ["a list without plug-ins", networkConfigList, { ...example.list, plugins: [] }, "plugins"],
    ["a list that may load none", networkConfigList, { name: "a", loadOnlyInlinedPlugins: true }, "plugins"],
    ["a flag in words", networkConfigList, { ...example.list, disableCheck: "yes" }, "disableCheck"],
    ["an address without its prefix", cniResults["1.1.0"], { ips: [{ address: "10.1.0.5" }] }, "ips.0.address"],
    ["an address without its family", cniResults["0.4.0"], { ips: [{ address: "10.1.0.5/16" }] }, "ips.0.version"],
    ["a CDI file without devices", cdiSpec, { ...example.cdi, devices: [] }, "devices"],
    [
      "a device twice",
      cdiSpec,
      { ...example.cdi, devices: [...example.cdi.devices, ...example.cdi.devices] },
      "devices",
    ],
    ["a device that edits nothing", cdiSpec, withEdits({ env: [] }), "devices.0.containerEdits"],
    ["a variable without a name", cdiSpec, withEdits({ env: ["=x"] }), "devices.0.containerEdits.env.0"],
    ["an unknown field in an edit", cdiSpec, withEdits({ env: ["A=b"], environ: [] }), "devices.0.containerEdits"],
    ["a hook without a path of its own", cdiSpec, withHook("hook"), "devices.0.containerEdits.hooks.0.path"],
    ["a kind without a class", cdiSpec, { ...example.cdi, kind: "kx.dev" }, "kind"],
    [
      "a bare number as a duration",
      provider.credentialProviderResponse,
      { ...example.providerResponse, cacheDuration: "600" },
      "cacheDuration",
    ],
    ["two providers of one name", provider.credentialProviderConfig, providers({}, {}), "providers"],
    [
      "a provider in a folder",
      provider.credentialProviderConfig,
      providers({ name: "../kx-registry" }),
      "providers.0.name",
    ],
    ["a score above 10", scheduler.hostPriorityList, [{ Host: "n1", Score: 11 }], "0.Score"],
    [
      "a patch without its type",
      webhook.admissionReviewResponse,
      { ...example.admissionResponse, response: { uid: "a", allowed: true, patch: "W10=" } },
      "response.patchType",
    ],
  ];

  test.each(refusals)("%s", (_what, schema, value, path) => {
    const { issues } = check(schema, value);
    expect(issues?.map((issue) => issue.path?.map(String).join("."))).toEqual([path]);
  });

  test("a key that is named both required and optional", () => {
    const attributes = {
      ...example.providerConfig.providers[0]?.tokenAttributes,
      optionalServiceAccountAnnotationKeys: ["role"],
    };
    const { issues } = check(provider.credentialProviderConfig, providers({ tokenAttributes: attributes }));
    expect(issues?.map(({ message }) => message)).toEqual(["has a key that is also required"]);
  });
});

function withRange(subnet: string): object {
  return { ...example.config, runtimeConfig: { ipRanges: [[{ subnet }]] } };
}

function withEdits(containerEdits: object): object {
  return { ...example.cdi, devices: [{ name: "a", containerEdits }] };
}

function withHook(path: string): object {
  return withEdits({ hooks: [{ hookName: "prestart", path }] });
}

function providers(...changes: readonly object[]): object {
  const [first] = example.providerConfig.providers;
  return { ...example.providerConfig, providers: changes.map((change) => ({ ...first, ...change })) };
}
