import type { Extension, Runnable } from "@kx/core";

/**
 * An extension whose caches may have to wait for a resource that is not served yet (a CRD that is not installed, maybe
 * never): its host starts the others meanwhile, and its workers start when its caches are filled.
 */
export function whenServed(extension: Extension): Extension {
  return Object.freeze({
    ...extension,
    parts: (env) => {
      const parts = extension.parts(env);
      const filled = Promise.withResolvers<void>();
      return parts.map((part): Runnable => {
        if (part.group === "cache") {
          return {
            ...part,
            async start(signal, ready) {
              ready();
              await part.start(signal, filled.resolve);
            },
          };
        }
        if (part.group !== "leader") return part;
        return {
          ...part,
          async start(signal, ready) {
            ready();
            const stopped = new Promise<void>((resolve) => {
              if (signal.aborted) resolve();
              signal.addEventListener("abort", () => resolve(), { once: true });
            });
            await Promise.race([filled.promise, stopped]);
            if (!signal.aborted) await part.start(signal, () => undefined);
          },
        };
      });
    },
  } satisfies Extension);
}
