import type { Clock } from "../context.ts";

/** A set that can be waited for to become empty. */
export class Roster<T> implements Iterable<T> {
  readonly #members = new Set<T>();
  readonly #waiting = new Set<() => void>();

  add(member: T): void {
    this.#members.add(member);
  }

  has(member: T): boolean {
    return this.#members.has(member);
  }

  delete(member: T): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    for (const wake of this.#waiting) wake();
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#members.values();
  }

  /** Resolves as soon as the set is empty, and after `ms` milliseconds in any case. */
  async untilEmpty(ms: number, clock: Clock): Promise<void> {
    if (this.#members.size === 0) return;
    const emptied = new AbortController();
    const wake = (): void => emptied.abort();
    this.#waiting.add(wake);
    try {
      // Only `wake` ends the sleep early.
      await clock.sleep(ms, emptied.signal).catch(() => undefined);
    } finally {
      this.#waiting.delete(wake);
    }
  }
}
