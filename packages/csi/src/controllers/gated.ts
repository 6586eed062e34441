import type { Extension, Runnable } from "@kx/core";
import type { HostedExtension } from "@kx/core/host";
import { untilAborted } from "../driver/until-aborted.ts";

/** Resolves when the way is clear; calls `standAside` if that may take long. */
export type Gate = (signal: AbortSignal, standAside: () => void) => Promise<void>;

/**
 * Parts that start only when a gate has opened, and a part that opens it. While it stands aside all are ready: a host that
 * has nothing to do is well.
 */
export function gated(gate: Gate, parts: readonly Runnable[]): readonly Runnable[] {
  const opened = createLatch();
  return [
    {
      name: "way",
      group: "server",
      async start(signal, ready) {
        await gate(signal, ready);
        opened.open();
        ready();
        await untilAborted(signal);
      },
    },
    ...waiting(parts, opened.promise, () => !opened.isOpen()),
  ];
}

/**
 * An extension whose caches may have to wait for a resource that is not served yet (a CRD that is not installed, maybe
 * never): its host starts the others meanwhile, and its workers start when its caches are filled.
 */
export function whenServed(extension: Extension): Extension {
  const parts: Extension["parts"] = (env) => waiting(extension.parts(env), Promise.resolve(), () => true);
  return Object.freeze({ ...extension, parts });
}

/** An extension whose parts start when a promise has resolved; they are not ready before. */
export function startsAfter<E extends HostedExtension>(opening: Promise<void>, extension: E): E {
  const parts: Extension["parts"] = (env) => waiting(extension.parts(env), opening, () => false);
  return Object.freeze({ ...extension, parts });
}

/** Parts that start when they may, caches first; where that may take long they are ready before it. */
function waiting(parts: readonly Runnable[], mayStart: Promise<void>, mayTakeLong: () => boolean): readonly Runnable[] {
  const filled = parts.map(({ group }) => (group === "cache" ? createLatch() : undefined));
  const allFilled = Promise.all(filled.flatMap((latch) => (latch === undefined ? [] : [latch.promise])));
  return parts.map(
    (part, index): Runnable => ({
      ...part,
      async start(signal, ready) {
        if (mayTakeLong()) ready();
        // A host starts caches before the rest, but not where they were ready before they are filled.
        const isCache = filled[index] !== undefined;
        await Promise.race([isCache ? mayStart : Promise.all([mayStart, allFilled]), untilAborted(signal)]);
        if (signal.aborted) return;
        await part.start(signal, () => {
          filled[index]?.open();
          ready();
        });
      },
    }),
  );
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
