import { setTimeout as sleep } from "node:timers/promises";
import { KxError } from "@kx/core";
import { describeLeak, diffSnapshots, type HostSnapshot, type Leak } from "./host-snapshot.ts";
import { takeSnapshot } from "./take-snapshot.ts";

/** Options of {@link expectNoLeaks}. */
export interface ExpectNoLeaksOptions {
  /** How long things may take to go. Default: 10 000. */
  readonly timeoutMs?: number;
  /** Leaves out a difference that is known to be somebody else's. */
  readonly ignore?: (leak: Leak) => boolean;
}

const intervalMs = 50;

/** Waits until the machine is as it was, in the scope of the first snapshot. Throws KX_CLUSTER_LEAK, listing each leak. */
export async function expectNoLeaks(before: HostSnapshot, options: ExpectNoLeaksOptions = {}): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? 10_000);
  for (;;) {
    const after = await takeSnapshot(before.scope);
    const leaks = diffSnapshots(before, after).filter((leak) => options.ignore?.(leak) !== true);
    if (leaks.length === 0) return;
    if (performance.now() >= deadline) {
      const lines = leaks.map((leak) => `\n  ${describeLeak(leak)}`);
      throw new KxError("KX_CLUSTER_LEAK", `left on this machine:${lines.join("")}`, { details: { leaks } });
    }
    await sleep(intervalMs);
  }
}
