// Kills this process at its nth call of a file function or its nth start of a program, as a crash would: nothing is cleaned up.
import { createRequire, syncBuiltinESMExports } from "node:module";

const require = createRequire(import.meta.url);

type Callable = (...args: unknown[]) => unknown;

/**
 * Counts from now on; at call `at` the process is killed, before the call is made: a call that writes is made by half first, a
 * program is begun first.
 *
 * @returns the calls so far.
 */
export function crashAt(at: number): () => number {
  let count = 0;
  const step = (holder: Record<string, unknown>, name: string, real: Callable) =>
    function counted(this: unknown, ...args: unknown[]): unknown {
      if (++count === at) {
        // A program that has just begun does not end with this process by itself.
        if (name === "execFile") real.apply(holder, args);
        const half = halved(args[1]);
        if (/^write(?:File)?Sync$/.test(name) && half !== undefined) real.apply(holder, [args[0], half]);
        process.kill(process.pid, "SIGKILL");
      }
      return real.apply(this ?? holder, args);
    };
  for (const module of ["node:fs", "node:fs/promises", "node:child_process"]) {
    const holder = require(module) as Record<string, unknown>;
    for (const [name, real] of Object.entries(holder)) {
      if (typeof real !== "function" || /^[A-Z_]/.test(name)) continue;
      const counted = step(holder, name, real as Callable);
      // `promisify` finds a function's own promise form by a symbol.
      for (const key of Reflect.ownKeys(real)) {
        if (typeof key === "symbol") Object.defineProperty(counted, key, { value: Reflect.get(real, key) });
      }
      holder[name] = counted;
    }
  }
  syncBuiltinESMExports();
  return () => count;
}

function halved(content: unknown): unknown {
  if (content instanceof Uint8Array) return content.subarray(0, content.length >> 1);
  return typeof content === "string" ? content.slice(0, content.length >> 1) : undefined;
}
