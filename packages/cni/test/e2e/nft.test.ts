import { parseCidr } from "@kx/core/units";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  deleteElements,
  deleteRule,
  deleteSet,
  deleteTable,
  type NftSet,
  newChain,
  newElements,
  newRule,
  newSet,
  newTable,
  type Table,
} from "../../src/nft/codec.ts";
import {
  address,
  compare,
  counter,
  ct,
  decide,
  immediate,
  inRange,
  isFamily,
  lookup,
  lookupVerdict,
  mask,
  meta,
  nat,
  payload,
} from "../../src/nft/expressions.ts";
import { type Nft, openNft } from "../../src/nft/nft.ts";
import { makeNetns, type TestNetns } from "../../src/testing/netns.ts";

const table: Table = { family: "inet", name: "t" };
let netns: TestNetns;
let nft: Nft;
beforeEach(async () => {
  netns = await makeNetns();
  nft = openNft(netns.path);
});
afterEach(async () => {
  nft[Symbol.dispose]();
  await netns.dispose();
});

const lines = async (...args: readonly string[]) =>
  (await netns.run("nft", ...args))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

describe("nf_tables, as nft(8) sees it", () => {
  it("has chains and rules of all steps", async () => {
    const rule = (...expressions: Parameters<typeof newRule>[2]["expressions"]) => newRule(table, "c", { expressions });
    const mark = new Uint8Array(Uint32Array.of(1).buffer);
    nft.transact(
      newTable(table),
      newChain(table, { name: "other" }),
      newChain(table, { name: "c", base: { type: "nat", hook: "prerouting", priority: -105 } }),
      newRule(table, "c", {
        expressions: [
          ...isFamily(4),
          ...inRange("source", parseCidr("10.1.0.0/20"), "notEqual"),
          counter(),
          decide("accept"),
        ],
        comment: "a comment",
      }),
      rule(...isFamily(6), ...inRange("destination", parseCidr("fc00::/7")), decide("drop")),
      rule(ct("mark"), compare(mark), decide("goto", "other")),
      rule(meta("oifName"), compare(new TextEncoder().encode("eth0".padEnd(16, "\0"))), decide("jump", "other")),
      rule(
        ...isFamily(4),
        payload("network", 8, 1),
        mask(Uint8Array.of(0xf0)),
        compare(Uint8Array.of(0x40)),
        decide("return"),
      ),
      rule(
        ...isFamily(4),
        meta("transportProtocol"),
        compare(Uint8Array.of(6)),
        immediate(Uint8Array.of(10, 1, 0, 5), 0),
        immediate(Uint8Array.of(0, 80), 1),
        nat("destination", "ip", { address: 0, port: 1 }),
      ),
    );
    expect(await lines("list", "chain", "inet", "t", "c")).toEqual([
      "table inet t {",
      "chain c {",
      "type nat hook prerouting priority dstnat - 5; policy accept;",
      'ip saddr != 10.1.0.0/20 counter packets 0 bytes 0 accept comment "a comment"',
      "ip6 daddr fc00::/7 drop",
      "ct mark 0x00000001 goto other",
      'oifname "eth0" jump other',
      "ip ttl & 240 == 64 return",
      "meta nfproto ipv4 meta l4proto tcp dnat ip to 10.1.0.5:80",
      "}",
      "}",
    ]);
    const [first] = nft.rules(table, "c");
    expect(first?.comment).toBe("a comment");
    nft.transact(deleteRule(table, "c", first?.handle));
    expect(nft.rules(table, "c")).toHaveLength(5);
    nft.transact(deleteRule(table, "c"));
    expect([nft.rules(table, "c"), nft.rules(table, "none")]).toEqual([[], []]);
    nft.transact(deleteTable(table));
    expect(await netns.run("nft", "list", "tables")).toBe("");
  });

  it("has sets and maps of ranges, of several fields and of both", async () => {
    const ranges: NftSet = { name: "ranges", key: ["ipv4"], interval: true };
    const both: NftSet = { name: "both", key: ["ipv4", "port"], interval: true };
    const map: NftSet = { name: "map", key: ["protocol", "port"], data: ["ipv6", "port"] };
    nft.transact(
      newTable(table),
      ...[ranges, both, map].map((set) => newSet(table, set)),
      newElements(table, ranges, [
        { key: ["10.1.0.0"], keyEnd: ["10.1.255.255"], comment: "ours" },
        { key: ["255.0.0.0"], keyEnd: ["255.255.255.255"] },
      ]),
      newElements(table, both, [{ key: ["10.1.0.0", "80"], keyEnd: ["10.1.0.255", "90"] }]),
      newElements(table, map, [{ key: ["udp", "53"], data: ["fd00::5", "5353"] }]),
    );
    const listed = (await lines("list", "table", "inet", "t")).join("\n");
    expect(listed).toContain('elements = { 10.1.0.0/16 comment "ours", 255.0.0.0/8 }');
    expect(listed).toContain("elements = { 10.1.0.0/24 . 80-90 }");
    expect(listed).toContain(
      "type inet_proto . inet_service : ipv6_addr . inet_service\nelements = { udp . 53 : fd00::5 . 5353 }",
    );
    expect(nft.sets(table)).toEqual(["ranges", "both", "map"]);
    expect(
      nft.find(table, map, [
        ["udp", "53"],
        ["tcp", "53"],
      ]),
    ).toMatchObject([{ comment: undefined }, undefined]);
    nft.transact(
      deleteElements(table, ranges, [{ key: ["10.1.0.0"], keyEnd: ["10.1.255.255"] }]),
      deleteElements(table, map, nft.elements(table, "map")),
      deleteSet(table, "both"),
    );
    expect(nft.sets(table)).toEqual(["ranges", "map"]);
    expect((await lines("list", "table", "inet", "t")).join("\n")).toMatch(/elements = { 255.0.0.0\/8 }/);
    expect(nft.elements(table, "map")).toEqual([]);
    expect(nft.elements(table, "none")).toEqual([]);
  });

  it("looks up verdicts in maps", async () => {
    // A map that nft made: verdicts as values are only read by rules here.
    await netns.run("nft", "add table inet t; add chain inet t other; add map inet t v { type ipv4_addr : verdict; }");
    nft.transact(
      newChain(table, { name: "c" }),
      newRule(table, "c", { expressions: [...isFamily(4), address("source", 4), lookupVerdict("v")] }),
    );
    expect(await lines("list", "chain", "inet", "t", "c")).toContain("ip saddr vmap @v");
  });

  it("does all of a transaction or nothing, and names what failed", async () => {
    const set: NftSet = { name: "s", key: ["ipv4"] };
    const begin = [newTable(table), newSet(table, set), newElements(table, set, [{ key: ["10.1.0.1"] }])];
    expect(() => nft.transact(...begin, newRule(table, "missing", { expressions: [lookup("s")] }))).toThrow(
      "cannot add a rule to the chain missing of inet t: ENOENT",
    );
    expect(await netns.run("nft", "list", "tables")).toBe("");
    nft.transact(...begin);
    const again = newElements(table, set, [{ key: ["10.1.0.2"] }, { key: ["10.1.0.1"] }], { exclusive: true });
    expect(() => nft.transact(again)).toThrow("cannot add 10.1.0.2, 10.1.0.1 to the set s of inet t: EEXIST");
    nft.transact(...begin);
    expect(nft.elements(table, "s")).toHaveLength(1);
    expect(() => nft.transact(deleteElements(table, set, [{ key: ["10.1.0.1"] }, { key: ["10.1.0.9"] }]))).toThrow(
      "ENOENT",
    );
    expect(nft.elements(table, "s")).toHaveLength(1);
    nft.transact();
  });

  it("adds and lists as many elements as nodes have pods", () => {
    const set: NftSet = { name: "s", key: ["ipv4"] };
    const list = Array.from({ length: 3000 }, (_, at) => ({
      key: [`10.1.${at >> 8}.${at & 255}`],
      comment: `kxnet ${at} eth0`,
    }));
    nft.transact(newTable(table), newSet(table, set));
    for (let at = 0; at < list.length; at += 500) nft.transact(newElements(table, set, list.slice(at, at + 500)));
    expect(new Set(nft.elements(table, "s").map(({ comment }) => comment)).size).toBe(3000);
  });
});
