// Our host-local and the Go plug-in v1.9.1 on the same leases: in turns, and all at once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHostLocal } from "@kx/cni/host-local";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { IpamCall } from "../support/ipam-call.ts";
import { randomOf, runSeed } from "../support/random.ts";
import { differences, ipam, randomSteps, runSteps } from "./support/host-local-sequence.ts";
import {
  executableSide,
  filesOf,
  goSide,
  leasesOf,
  manyAtOnce,
  residentSide,
  type Side,
} from "./support/host-local-sides.ts";

let go: Side;
let folder: string;

beforeAll(async () => {
  go = await goSide();
}, 300_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kx-host-local-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("calls in turns by the Go plug-in, our executable and our resident process", () => {
  const seed = runSeed();
  const count = 300;

  test(`give the addresses that the Go plug-in alone gives (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const steps = randomSteps(count, random);
    const [alone, mixed] = [join(folder, "alone"), join(folder, "mixed")];
    const expected = await runSteps(steps, alone, () => go);
    const resident = residentSide(createHostLocal());
    const sides = [go, go, go, go, go, resident, resident, resident, resident, executableSide];
    const actual = await runSteps(steps, mixed, () => sides[random(sides.length)] ?? go);
    expect(differences(steps, expected.outcomes, actual.outcomes)).toEqual([]);
    expect(filesOf(mixed)).toEqual(filesOf(alone));
    expect([expected.twice, actual.twice]).toEqual([[], []]);
    const given = actual.outcomes.filter((outcome) => "ips" in outcome && outcome.ips.length > 0).length;
    const failed = actual.outcomes.filter((outcome) => "failure" in outcome).length;
    console.log(`host-local: ${count} calls compared with Go's, of which ${given} gave addresses and ${failed} failed`);
    expect(given).toBeGreaterThan(30);
    expect(failed).toBeGreaterThan(5);
  }, 240_000);

  test("are seen to differ if ours leaves out an address", async () => {
    const steps = randomSteps(60, randomOf(1));
    const expected = await runSteps(steps, join(folder, "alone"), () => go);
    const faulty = residentSide(createHostLocal({ isCooling: (_network, ip) => ip === "10.1.0.7" }));
    const actual = await runSteps(steps, join(folder, "mixed"), () => faulty);
    const found = differences(steps, expected.outcomes, actual.outcomes);
    expect(found[0]).toMatch(/Go gives 10\.1\.0\.7\/27 fd00:1::\S+, ours 10\.1\.0\.8\/27/);
    expect(filesOf(join(folder, "mixed"))).not.toEqual(filesOf(join(folder, "alone")));
  }, 120_000);
});

describe("leases of the one side", () => {
  const call = (command: IpamCall["command"], containerId = "a"): IpamCall => ({
    command,
    containerId,
    ipam: ipam(folder),
    fields: { prevResult: { cniVersion: "1.1.0" } },
  });

  test.each([
    ["ours", "Go's"],
    ["Go's", "ours"],
  ])("%s are checked, refused a second time and taken back by %s", async (first, _second) => {
    const ours = residentSide(createHostLocal());
    const [maker, other] = first === "ours" ? [ours, go] : [go, ours];
    expect(await maker(call("ADD"))).toEqual({ ips: ["10.1.0.3/27", "fd00:1::2/122"] });
    expect(await other(call("CHECK"))).toEqual({ ips: [] });
    expect(await other(call("ADD"))).toHaveProperty("failure");
    expect(await maker(call("CHECK", "b"))).toHaveProperty("failure");
    expect(await other(call("DEL"))).toEqual({ ips: [] });
    expect(await maker(call("CHECK"))).toHaveProperty("failure");
    expect([...leasesOf(folder)]).toEqual([]);
  });
});

describe("calls at once", () => {
  const wide = () => ({ dataDir: folder, ranges: [[{ subnet: "10.3.0.0/23" }], [{ subnet: "fd00:3::/64" }]] });

  test("by three processes of ours and the Go plug-in give 200 containers addresses of their own", async () => {
    const calls = (by: string): readonly IpamCall[] =>
      Array.from({ length: 50 }, (_, index) => ({ command: "ADD", containerId: `${by}${index}`, ipam: wide() }));
    const goCalls = async () => {
      const left = [...calls("go")];
      const next = async () => {
        const outcomes = [];
        for (let call = left.pop(); call !== undefined; call = left.pop()) outcomes.push(await go(call));
        return outcomes;
      };
      return (await Promise.all(Array.from({ length: 10 }, next))).flat();
    };
    const all = await Promise.all([manyAtOnce(calls("a")), manyAtOnce(calls("b")), manyAtOnce(calls("c")), goCalls()]);
    const outcomes = all.flat();
    expect(outcomes.filter((outcome) => "failure" in outcome)).toEqual([]);
    const ips = outcomes.flatMap((outcome) => ("ips" in outcome ? outcome.ips : []));
    expect([ips.length, new Set(ips).size]).toEqual([400, 400]);
    const leases = leasesOf(folder);
    expect([leases.size, new Set(leases.values()).size]).toEqual([400, 200]);
  }, 120_000);

  test("for one container give it to one, whose leases stay whole", async () => {
    const call: IpamCall = { command: "ADD", containerId: "one", ipam: wide() };
    const ours = residentSide(createHostLocal());
    const all = await Promise.all([
      manyAtOnce(Array.from({ length: 20 }, () => call)),
      ...Array.from({ length: 30 }, async (_, index) => [await (index % 2 === 0 ? go : ours)(call)]),
    ]);
    const winners = all.flat().flatMap((outcome) => ("ips" in outcome ? [outcome.ips] : []));
    expect(all.flat()).toHaveLength(50);
    expect(winners).toHaveLength(1);
    const leases = leasesOf(folder);
    expect([...leases.values()]).toEqual(["one\r\neth0", "one\r\neth0"]);
    expect([...leases.keys()].toSorted()).toEqual(winners[0]?.map((ip) => ip.split("/")[0]).toSorted());
  }, 120_000);
});
