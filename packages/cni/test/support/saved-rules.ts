import type { TestNetns } from "../../src/testing/netns.ts";

/** What iptables has in a namespace, in both families, without counters, empty tables and what kx alone adds. */
export async function savedRules(netns: TestNetns): Promise<readonly string[]> {
  const saved = await Promise.all(["iptables-save", "ip6tables-save"].map((program) => netns.run(program)));
  const lines = saved.flatMap((text, index) =>
    text
      .split("\n")
      .filter((line) => /^(:CNI-|-A )/.test(line) && !isMark(line))
      .map((line) => `${index === 0 ? "ip" : "ip6"} ${line}`),
  );
  // Chains are in the order in which they were made; rules keep theirs within their chain.
  return lines.toSorted((a, b) => compare(chainOf(a), chainOf(b)));
}

/** A rule that does nothing and says whose a chain is, or the chain for such rules. */
function isMark(line: string): boolean {
  return /--comment "kx /.test(line) || line.startsWith(":CNI-KX-");
}

function chainOf(line: string): string {
  return /^\S+ (?::|-A )\S+/.exec(line)?.[0] ?? line;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
