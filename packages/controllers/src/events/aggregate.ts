import type { Clock } from "@kx/core";

/** Tells when events about one thing differ only in their messages, again and again. */
export interface Aggregation {
  /** Takes note of an event; true once there are too many similar ones to write each. */
  isCrowded(similar: string, message: string): boolean;
}

// As client-go: more than 10 different messages within 600 s of each other.
const maxMessages = 10;
const quietMs = 600_000;
const maxRemembered = 4096;

/** An aggregation that has seen nothing yet. */
export function createAggregation(clock: Clock): Aggregation {
  const groups = new Map<string, { readonly messages: Set<string>; readonly at: number }>();
  return {
    isCrowded(similar, message) {
      const known = groups.get(similar);
      const isQuiet = known === undefined || clock.now() - known.at > quietMs;
      const messages = isQuiet ? new Set<string>() : known.messages;
      // Beyond the limit it does not matter which they are.
      if (messages.size <= maxMessages) messages.add(message);
      groups.delete(similar);
      groups.set(similar, { messages, at: clock.now() });
      const [oldest] = groups.keys();
      if (groups.size > maxRemembered && oldest !== undefined) groups.delete(oldest);
      return messages.size > maxMessages;
    },
  };
}
