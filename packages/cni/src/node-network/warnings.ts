import type { Logger } from "@kx/core";
import type { NodeEvent } from "./node-objects.ts";

/** Something that is wrong with the node's network, but does not stop it. */
export interface Warning {
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** Tells each warning once, and that it is over. */
export interface Warnings {
  /** All that hold now. */
  update(now: readonly Warning[]): void;
}

export function createWarnings(log: Logger, event: (event: NodeEvent) => void): Warnings {
  let known: ReadonlyMap<string, Warning> = new Map();
  return {
    update(now) {
      const next = new Map(now.map((warning) => [`${warning.reason} ${warning.message}`, warning]));
      for (const [key, { reason, message }] of next) {
        if (known.has(key)) continue;
        log.warn({ reason, problem: message }, "the node's network needs attention");
        event({ type: "Warning", reason, message });
      }
      for (const [key, { reason, message }] of known) {
        if (!next.has(key)) log.info({ reason, problem: message }, "no longer so");
      }
      known = next;
    },
  };
}
