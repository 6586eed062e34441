// Our units against Go's packages, which a cluster's components use: apimachinery's quantities and ages, time's durations,
// netip's addresses and ranges. Texts are made up by grammar, and then spoiled now and then.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import {
  cidrContains,
  cidrOf,
  cidrsOverlap,
  compareIps,
  compareQuantities,
  formatAge,
  formatCidr,
  formatDuration,
  formatIp,
  formatQuantity,
  type Ip,
  ipBits,
  parseCidr,
  parseDuration,
  parseIp,
  parseIpInCidr,
  parseQuantity,
} from "@kx/core/units";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { goEnvironment, goProgram } from "../support/go-program.ts";
import { fuzzSeed } from "../support/random.ts";

const seed = fuzzSeed();
const sample = <T>(arbitrary: fc.Arbitrary<T>, count = 3000): T[] => fc.sample(arbitrary, { numRuns: count, seed });
const digits = (max: number) => fc.stringMatching(new RegExp(`^\\d{1,${max}}$`));

/** Text of a grammar, every fifth spoiled: a piece of it cut out or put in. */
function nearly(text: fc.Arbitrary<string>, pieces: readonly string[]): fc.Arbitrary<string> {
  const spoiled = fc
    .tuple(text, fc.nat({ max: 20 }), fc.nat({ max: 2 }), fc.constantFrom("", ...pieces))
    .map(([one, at, cut, put]) => one.slice(0, at) + put + one.slice(at + cut));
  return fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: spoiled });
}

const number = fc.oneof(
  digits(18),
  fc.tuple(digits(12), digits(12)).map(([whole, fraction]) => `${whole}.${fraction}`),
  digits(6).map((fraction) => `.${fraction}`),
  digits(6).map((whole) => `${whole}.`),
);
const sign = fc.constantFrom("", "", "", "-", "+");
const suffix = fc.oneof(
  fc.constantFrom("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"),
  fc.tuple(fc.constantFrom("e", "E", "e+", "E-", "e-"), fc.nat({ max: 40 })).map(([e, power]) => `${e}${power}`),
);
const goodQuantity = fc.tuple(sign, number, suffix).map((parts) => parts.join(""));

/** The value of a text, or undefined if it is refused. */
function read<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
// What Go does otherwise: it writes a multiple of 10^21 without the suffix that such a number would need, so as another
// number; it takes a suffix alone for zero; and ours takes no exponent of more than three digits.
const isOddInGo = (text: string): boolean => {
  const { nanos = 1n, format } = read(parseQuantity, text) ?? {};
  const isLost = format === "decimal" && nanos !== 0n && nanos % 10n ** 30n === 0n;
  return isLost || !/^[+-]?\.?\d/.test(text) || /e[+-]?\d{4}/i.test(text);
};
const quantity = nearly(goodQuantity, ["i", "K", "e", ".", "-", " ", "mm", "Ki", "µ", "_"]).filter(
  (text) => !isOddInGo(text),
);

// Below a nanosecond Go cuts off and ours rounds; beyond about 50 days ours no longer holds single nanoseconds.
const isBeyondUs = (text: string): boolean =>
  /\.\d*ns|\.\d{4,}[uµμ]s/.test(text) || Math.abs(read(parseDuration, text) ?? 0) > 50 * 86_400_000;
const durationPart = fc.oneof(
  fc.tuple(digits(4), fc.constantFrom("ns", "us", "µs", "μs", "ms", "s", "m")).map((parts) => parts.join("")),
  digits(2).map((hours) => `${hours}h`),
  fc.tuple(digits(3), digits(3), fc.constantFrom("us", "ms", "s")).map(([a, b, unit]) => `${a}.${b}${unit}`),
  digits(3).map((fraction) => `.${fraction}s`),
);
const duration = nearly(
  fc.tuple(sign, fc.array(durationPart, { minLength: 1, maxLength: 4 })).map(([s, parts]) => s + parts.join("")),
  ["d", " ", "-", "h", ".", "e3", "0"],
).filter((text) => !isBeyondUs(text));

const ip4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value): Ip => ({ family: 4, value }));
const group = fc.oneof(fc.constant(0n), fc.constant(0xffffn), fc.bigInt({ min: 0n, max: 0xffffn }));
const ip6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups): Ip => ({ family: 6, value: groups.reduce((sum, one) => (sum << 16n) | one, 0n) }));
const ip = fc.oneof(ip4, ip6);
/** Also written as nobody would, but may. */
const address = fc.oneof(
  ip.map(formatIp),
  ip6.map(({ value }) =>
    Array.from({ length: 8 }, (_, at) => ((value >> BigInt(16 * (7 - at))) & 0xffffn).toString(16)).join(":"),
  ),
  ip6.map(formatIp).map((text) => text.toUpperCase()),
  ip4.map(formatIp).map((text) => `::${text}`),
  ip4.map(formatIp).map((text) => `64:ff9b::${text}`),
);
const spoiledAddress = nearly(address, ["0", "::", ":", ".", "%eth0", "g", "00", " ", "1.2.3.4", "/"]);
const withPrefix = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.oneof(fc.nat({ max: 32 }), fc.nat({ max: 128 }))).map(([one, prefix]) => `${one}/${prefix}`);
const range = nearly(withPrefix(address), ["0", "/", "-", " ", "+", "%e", "9"]);
const goodRange = ip.chain((one) => fc.nat({ max: ipBits(one.family) }).map((prefix) => cidrOf(one, prefix)));
// Near each other, or hardly any two would overlap.
const rangePair = goodRange.chain((one) =>
  fc.tuple(
    fc.constant(one),
    fc.oneof(
      goodRange,
      fc.nat({ max: ipBits(one.base.family) }).map((prefix) => cidrOf(one.base, prefix)),
    ),
  ),
);

const questions = {
  quantities: sample(quantity),
  quantityPairs: sample(fc.tuple(goodQuantity, goodQuantity)),
  durations: sample(duration),
  agesMs: sample(fc.oneof(fc.integer({ min: -5000, max: 1e6 }), fc.integer({ min: 0, max: 4e8 }), fc.nat(3e11))),
  addresses: sample(spoiledAddress),
  addressPairs: sample(fc.tuple(address, address)),
  ranges: sample(range),
  rangePairs: sample(rangePair).map(([a, b]) => [formatCidr(a), formatCidr(b)] as const),
  rangesAndAddresses: sample(rangePair).map(([a, b]) => [formatCidr(a), formatIp(b.base)] as const),
};
type Kind = keyof typeof questions;

const ours: { readonly [K in Kind]: (question: (typeof questions)[K][number]) => string | number | boolean } = {
  // Like Go's answers: the canonical text, or "" for a text that is refused.
  quantities: (text) => read((one) => formatQuantity(parseQuantity(one)), text) ?? "",
  quantityPairs: ([a, b]) => compareQuantities(parseQuantity(a), parseQuantity(b)),
  durations: (text) => read((one) => formatDuration(parseDuration(one)), text) ?? "",
  agesMs: formatAge,
  addresses: (text) => read((one) => formatIp(parseIp(one)), text) ?? "",
  addressPairs: ([a, b]) => Math.sign(compareIps(parseIp(a), parseIp(b))),
  ranges: (text) => read((one) => formatCidr(parseIpInCidr(one).cidr), text) ?? "",
  rangePairs: ([a, b]) => cidrsOverlap(parseCidr(a), parseCidr(b)),
  rangesAndAddresses: ([a, b]) => cidrContains(parseCidr(a), parseIp(b)),
};

const env = goEnvironment();
if (env === undefined) {
  const told = "units are not compared with Go's: there is no Go to build them with";
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

type Answers = Readonly<Record<Kind, readonly (string | number | boolean)[]>>;

/** `question: ours, Go's` of each that differs. */
function differences(kind: Kind, answers: Answers): readonly string[] {
  const answer = ours[kind] as (question: unknown) => string | number | boolean;
  return questions[kind].flatMap((question, index) => {
    const [mine, go] = [answer(question), answers[kind][index]];
    return mine === go ? [] : [`${JSON.stringify(question)}: ${mine}, Go: ${go}`];
  });
}

describe.skipIf(env === undefined)("units and Go's", () => {
  let answers: Answers;
  beforeAll(() => {
    const program = goProgram("units", join(import.meta.dirname, "units"), env ?? {});
    const input = JSON.stringify(questions);
    answers = JSON.parse(execFileSync(program, { input, encoding: "utf8", maxBuffer: 1 << 26 })) as Answers;
  }, 600_000);

  test.each(Object.keys(questions) as Kind[])("%s are the same", (kind) => {
    const all = answers[kind];
    const refused = all.filter((answer) => answer === "").length;
    const found = differences(kind, answers);
    console.log(
      `${kind}: ${all.length} compared, ${refused} refused by Go, ${found.length} differ (KX_FUZZ_SEED=${seed})`,
    );
    expect(all).toHaveLength(questions[kind].length);
    expect(found).toEqual([]);
    // Texts are neither all good nor all bad, and pairs neither all one way nor all the other.
    expect(new Set(all).size).toBeGreaterThan(1);
    if (typeof all[0] === "string" && kind !== "agesMs") {
      expect(refused).toBeGreaterThan(100);
      expect(all.length - refused).toBeGreaterThan(1000);
    }
  });

  test("planted differences are reported, alone", () => {
    for (const kind of Object.keys(questions) as Kind[]) {
      const planted = { ...answers, [kind]: answers[kind].with(7, "planted") };
      expect(differences(kind, planted), kind).toEqual([expect.stringContaining("Go: planted")]);
    }
  });
});
