import type { Clock } from "../context.ts";
import type { MetricFamily } from "../metrics/families.ts";
import type { Child } from "./child-process.ts";
import { type SentFamily, unpackFamilies } from "./child-protocol.ts";

/** Questions to a child process for its metrics. */
export interface MetricsQuestions {
  /** Whom to ask from now on; undefined while none runs. */
  from(child: Pick<Child, "send"> | undefined): void;
  /** The child's answer to all who have asked. */
  answer(families: readonly SentFamily[]): void;
  /** Resolves with what the child measures; with nothing if it does not run, or does not answer in time. */
  readonly ask: () => Promise<readonly MetricFamily[]>;
}

/** Less than Prometheus waits for all of the host. */
const answerMs = 1000;

/** Asks when somebody wants to know, so that it costs nothing otherwise. */
export function askForMetrics(clock: Clock): MetricsQuestions {
  let asked: Pick<Child, "send"> | undefined;
  let pending: PromiseWithResolvers<readonly MetricFamily[]> | undefined;
  const settle = (families: readonly MetricFamily[]) => {
    pending?.resolve(families);
    pending = undefined;
  };
  return {
    from(child) {
      asked = child;
      settle([]);
    },
    answer: (families) => settle(unpackFamilies(families)),
    async ask() {
      if (asked === undefined) return [];
      if (pending === undefined) {
        pending = Promise.withResolvers();
        asked.send({ type: "metrics" });
      }
      const enough = new AbortController();
      const late = clock.sleep(answerMs, enough.signal).then(
        () => [],
        () => [],
      );
      const families = await Promise.race([pending.promise, late]);
      enough.abort();
      return families;
    },
  };
}
