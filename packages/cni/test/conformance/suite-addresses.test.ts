// The conformance suite itself: each of its cases passes for a sound plug-in, and notices a twin that is broken there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineCniPlugin } from "@kx/cni";
import { createHostLocal } from "@kx/cni/host-local";
import { createStatic } from "@kx/cni/static";
import { type CallPlugin, conformance, requestedIps, stateOfFolder } from "@kx/cni/testing";
import { afterAll, describe, expect, it, test } from "vitest";
import { callInProcess, expectNoticed, outcomesOf, type TwinOptions } from "./support/run-twin.ts";
import { answers, commandOf, failed, type Twin } from "./support/twins.ts";
import { addressTwins, requestTwins } from "./support/twins-addresses.ts";
import { interfaceTwins } from "./support/twins-interface.ts";

const dataDir = mkdtempSync(join(tmpdir(), "kx-suite-"));
afterAll(() => rmSync(dataDir, { recursive: true }));

const ipam = (subnet: string) => ({ type: "kx-host-local", dataDir, ranges: [[{ subnet }]] });
const hostLocal = callInProcess(createHostLocal());
let isDown = false;
const sound: CallPlugin = async (call) =>
  commandOf(call) === "STATUS" && isDown ? failed(50, "the daemon is down") : await hostLocal(call);

const ofAddresses: TwinOptions = {
  config: { type: "kx-host-local", ipam: ipam("10.9.0.0/24") },
  namespaces: false,
  state: stateOfFolder(dataDir, /^(lock|namespaces|last_reserved_ip\..*)$/),
  full: { config: { ipam: ipam("10.9.1.0/30") }, fits: 1 },
  damages: {
    "lease gone": () => {
      rmSync(join(dataDir, "kx-conformance"), { recursive: true });
    },
  },
  unavailable: async () => {
    isDown = true;
    return {
      async [Symbol.asyncDispose]() {
        isDown = false;
      },
    };
  },
};

const ofRequests: TwinOptions = {
  config: { type: "kx-static", ipam: { type: "kx-static", addresses: [{ address: "10.9.0.2/24" }] } },
  namespaces: false,
  requested: [requestedIps("10.9.0.50/24", "10.9.0.51/24", "10.9.0.52/24")],
};
const fixed = callInProcess(createStatic());

const passing = callInProcess(
  defineCniPlugin({ name: "pass", add: async ({ prevResult }) => prevResult ?? {}, del: async () => undefined }),
);
const ofChained: TwinOptions = { config: { type: "pass" }, role: "chained", namespaces: false };
const chainedTwins: readonly Twin[] = [
  {
    id: "P7.kept",
    wrong: "it gives an address of its own alone",
    broken: answers("ADD", ({ cniVersion }) => ({ cniVersion, ips: [{ address: "10.0.0.9/24" }] })),
    says: /has lost the address 10\.222.*the interface kxc/,
  },
];

const groups: readonly (readonly [string, CallPlugin, TwinOptions, readonly Twin[]])[] = [
  ["addresses", sound, ofAddresses, addressTwins(dataDir)],
  ["addresses that are asked for", fixed, ofRequests, requestTwins],
  ["results of others", passing, ofChained, chainedTwins],
];

describe.each(groups)("a plug-in for %s", (_name, healthy, options, twins) => {
  const ids = [...new Set(twins.map(({ id }) => id))];

  test("that is sound passes", async () => {
    expect(await outcomesOf(healthy, options, ids)).toEqual(Object.fromEntries(ids.map((id) => [id, "passed"])));
  });

  it.each(twins)("is noticed by $id if $wrong", async (twin) => {
    await expectNoticed(twin, healthy, options);
  });
});

describe("the cases of the suite", () => {
  test("each have a twin that is broken there", async () => {
    const all = await conformance({ call: sound, ...ofAddresses, ...ofRequests, damages: ofAddresses.damages ?? {} });
    const twins = [...groups.flatMap(([, , , some]) => some), ...interfaceTwins].map(({ id }) => id);
    const ids = all.cases.map(({ id }) => id);
    console.log(`conformance suite: ${ids.length} cases, ${twins.length} broken twins`);
    expect(ids.filter((id) => !twins.includes(id))).toEqual([]);
    expect(twins.filter((id) => !ids.includes(id))).toEqual([]);
  });
});
