/** One check of the repository. */
export interface Gate {
  readonly name: string;
  /** Gates that must have passed before this one starts; if one has not, this one fails without running. */
  readonly after?: readonly string[];
  /** Programs with their arguments, run one after the other from the repository's root; each must exit 0. */
  readonly commands: readonly (readonly string[])[];
  /** What to type when the gate fails, where one command mends it. */
  readonly fix?: string;
}

/** How a gate ended. */
export interface Verdict {
  readonly gate: Gate;
  readonly ok: boolean;
  readonly ms: number;
  /** All that the gate's programs printed, or why it did not run. */
  readonly output: string;
}

/** Runs one gate. Rejects only if the gate itself is broken, not when it fails. */
export type RunGate = (gate: Gate) => Promise<Verdict>;

/**
 * Runs gates, at most `lanes` at a time, each as soon as those it comes after have passed, and tells each verdict as it
 * falls. Gates start in the order given, so a list names the long ones first.
 */
export async function runGates(
  gates: readonly Gate[],
  { lanes, run, tell }: { lanes: number; run: RunGate; tell: (verdict: Verdict) => void },
): Promise<readonly Verdict[]> {
  const verdicts = new Map<string, Verdict>();
  const waiting = [...gates];
  const running = new Set<Promise<void>>();
  const settle = (verdict: Verdict) => {
    verdicts.set(verdict.gate.name, verdict);
    tell(verdict);
  };
  while (waiting.length > 0 || running.size > 0) {
    const next = running.size < lanes ? waiting.findIndex((gate) => isDue(gate, verdicts)) : -1;
    const gate = next < 0 ? undefined : waiting.splice(next, 1)[0];
    const failed = gate?.after?.find((name) => verdicts.get(name)?.ok === false);
    if (gate !== undefined && failed !== undefined) {
      settle({ gate, ok: false, ms: 0, output: `not run, because ${failed} failed` });
    } else if (gate !== undefined) {
      const done: Promise<void> = run(gate).then((verdict) => {
        running.delete(done);
        settle(verdict);
      });
      running.add(done);
    } else if (running.size > 0) {
      await Promise.race(running);
    } else {
      throw new Error(`no gate named ${waiting.flatMap(({ after }) => after ?? []).join(" or ")} among those to run`);
    }
  }
  return [...verdicts.values()];
}

function isDue(gate: Gate, verdicts: ReadonlyMap<string, Verdict>): boolean {
  return (gate.after ?? []).every((name) => verdicts.has(name));
}
