import type { JsonObject } from "@kx/core/contracts/cni";
import type { IpamCall } from "../../support/ipam-call.ts";
import type { Outcome, Side } from "./host-local-sides.ts";

/** Two families, two ranges in one of them, so small that they are full at times. */
export const ipam = (dataDir: string): JsonObject => ({
  type: "host-local",
  dataDir,
  ranges: [
    [
      { subnet: "10.1.0.0/27", rangeStart: "10.1.0.3" },
      { subnet: "10.2.0.0/28", gateway: "10.2.0.9" },
    ],
    [{ subnet: "fd00:1::/122" }],
  ],
});

type Step = Omit<IpamCall, "ipam">;

/** Calls as a busy node makes them, with repetitions, unknown containers and addresses that are asked for. */
export function randomSteps(count: number, random: (below: number) => number): readonly Step[] {
  const known: string[] = [];
  const pick = (): string => known[random(known.length)] ?? "none";
  const take = (): string => known.splice(random(known.length), 1)[0] ?? "none";
  return Array.from({ length: count }, (_, index): Step => {
    const kind = random(100);
    if (kind < 5) return { command: "DEL", containerId: `unknown${index}` };
    if (kind < 10) return { command: "DEL", containerId: `c${random(index + 1)}` };
    if (kind < 40) return { command: "DEL", containerId: take() };
    if (kind < 42) return { command: "DEL", containerId: pick(), ifName: "eth1" };
    if (kind < 50) return { command: "ADD", containerId: pick(), ifName: kind < 46 ? "eth0" : "eth1" };
    const containerId = `c${index}`;
    known.push(containerId);
    if (kind < 85) return { command: "ADD", containerId };
    const asked = [`10.1.0.${random(32)}`, `10.2.0.${random(16)}`, `fd00:1::${random(64).toString(16)}`][kind % 3];
    return { command: "ADD", containerId, args: `IP=${asked}` };
  });
}

/** Makes the calls one after another, each by the side that is chosen for it. Tells addresses that two have at a time. */
export async function runSteps(steps: readonly Step[], dataDir: string, choose: (index: number) => Side) {
  const holders = new Map<string, string>();
  const outcomes: Outcome[] = [];
  const twice: string[] = [];
  for (const [index, step] of steps.entries()) {
    const outcome = await choose(index)({ ...step, ipam: ipam(dataDir) });
    outcomes.push(outcome);
    const holder = `${step.containerId}/${step.ifName ?? "eth0"}`;
    if (step.command === "DEL") for (const [ip, by] of holders) if (by === holder) holders.delete(ip);
    for (const ip of "ips" in outcome ? outcome.ips : []) {
      if (holders.has(ip)) twice.push(`${ip}: ${holders.get(ip)} and ${holder}`);
      holders.set(ip, holder);
    }
  }
  return { outcomes, twice };
}

/** Where the outcomes of the same calls differ; failures may have other words. */
export function differences(
  steps: readonly Step[],
  expected: readonly Outcome[],
  actual: readonly Outcome[],
): readonly string[] {
  const show = (outcome: Outcome | undefined): string =>
    outcome === undefined ? "nothing" : "ips" in outcome ? outcome.ips.join(" ") : "a failure";
  return steps.flatMap((step, index) => {
    const [one, other] = [show(expected[index]), show(actual[index])];
    if (one === other) return [];
    const words = [expected[index], actual[index]].flatMap((outcome) =>
      outcome && "failure" in outcome ? [outcome.failure] : [],
    );
    return [
      `call ${index}, ${step.command} ${step.containerId} ${step.args ?? ""}: Go gives ${one}, ours ${other} ${words.join()}`,
    ];
  });
}
