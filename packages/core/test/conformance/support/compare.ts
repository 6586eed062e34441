import type { Facts } from "./facts.ts";

/** What two descriptions of one interface do not have in common; equal ones give two empty lists. */
export interface Difference {
  /** Elements that upstream has and we lack or describe otherwise. */
  readonly upstream: readonly string[];
  /** Elements that we alone have. */
  readonly ours: readonly string[];
}

export function compareFacts(upstream: Facts, ours: Facts): Difference {
  const lacking = [...upstream].filter(([name, fact]) => ours.get(name) !== fact);
  return {
    upstream: lacking.map(([name, fact]) => `${name}: ${fact}; ours: ${ours.get(name) ?? "missing"}`),
    ours: [...ours.keys()].filter((name) => !upstream.has(name)),
  };
}

/** How many elements of each sort there are: "36 method, 90 message". */
export function countsOf(facts: Facts): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of facts.keys()) {
    const sort = name.slice(0, name.indexOf(" "));
    counts[sort] = (counts[sort] ?? 0) + 1;
  }
  return counts;
}
