import type { Runnable } from "@kx/core";

/** Resolves when the way is clear; calls `standAside` if that may take long. */
export type Gate = (signal: AbortSignal, standAside: () => void) => Promise<void>;

/**
 * Parts that start only when a gate has opened, and a part that opens it. While it stands aside all are ready: a host that
 * has nothing to do is well.
 */
export function gated(gate: Gate, parts: readonly Runnable[]): readonly Runnable[] {
  const opened = createLatch();
  const filled = parts.map(({ group }) => (group === "cache" ? createLatch() : undefined));
  const allFilled = Promise.all(filled.flatMap((latch) => (latch === undefined ? [] : [latch.promise])));
  return [
    {
      name: "way",
      group: "server",
      async start(signal, ready) {
        await gate(signal, ready);
        opened.open();
        ready();
        await aborted(signal);
      },
    },
    ...parts.map(
      (part, index): Runnable => ({
        ...part,
        async start(signal, ready) {
          if (!opened.isOpen()) ready();
          // A host starts caches before the rest, but not where they were ready while they stood aside.
          const isCache = filled[index] !== undefined;
          const mayStart = isCache ? opened.promise : Promise.all([opened.promise, allFilled]);
          await Promise.race([mayStart, aborted(signal)]);
          if (signal.aborted) return;
          await part.start(signal, () => {
            filled[index]?.open();
            ready();
          });
        },
      }),
    ),
  ];
}

function createLatch() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    promise,
    isOpen: () => isOpen,
    open() {
      isOpen = true;
      resolve();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
