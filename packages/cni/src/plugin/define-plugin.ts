import { didYouMean, KxError } from "@kx/core";
import { cniVersions } from "@kx/core/contracts/cni";
import type { CniHandlers, CniPlugin } from "./cni-plugin.ts";

const required = ["add", "del"] as const;
const optional = ["check", "status", "gc"] as const;
const known: readonly string[] = ["name", "config", ...required, ...optional];

/**
 * Makes a plug-in of its handlers. Does nothing yet: `runCniPlugin` runs it as an executable, a daemon in its own process.
 *
 * @throws KxError `KX_CNI_DEFINITION`.
 */
export function defineCniPlugin<Config = unknown>(handlers: CniHandlers<Config>): CniPlugin<Config> {
  validate(handlers);
  return Object.freeze({
    kx: 1,
    name: handlers.name,
    supportedVersions: cniVersions,
    ...(handlers.config === undefined ? {} : { config: handlers.config }),
    ...bind(handlers),
  } satisfies CniPlugin<Config>);
}

/** Reads by property access, so that getters and inherited methods count, and binds methods to their object. */
function bind<Config>(handlers: CniHandlers<Config>): Omit<CniHandlers<Config>, "name" | "config"> {
  return {
    add: handlers.add.bind(handlers),
    del: handlers.del.bind(handlers),
    ...(handlers.check && { check: handlers.check.bind(handlers) }),
    ...(handlers.status && { status: handlers.status.bind(handlers) }),
    ...(handlers.gc && { gc: handlers.gc.bind(handlers) }),
  };
}

function validate<Config>(handlers: CniHandlers<Config>): void {
  // An instance of a class may have fields of its own; a mistyped literal may not.
  const isLiteral = Object.getPrototypeOf(handlers) === Object.prototype;
  for (const key of isLiteral ? Object.keys(handlers) : []) {
    if (known.includes(key)) continue;
    const meant = didYouMean(key, known);
    throw invalid(
      `has no field "${key}"`,
      meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`,
    );
  }
  if (typeof handlers.name !== "string" || !/^[a-zA-Z0-9][\w.-]*$/.test(handlers.name)) {
    throw invalid(`cannot be named ${JSON.stringify(handlers.name)}`, "its name is that of its file, without a folder");
  }
  for (const key of [...required, ...optional]) {
    const handler: unknown = handlers[key];
    const isLeftOut = handler === undefined && optional.some((name) => name === key);
    if (typeof handler === "function" || isLeftOut) continue;
    throw invalid(`"${handlers.name}" has no function ${key}`, `add ${key}(request, ctx)`);
  }
  if (handlers.config !== undefined && typeof handlers.config["~standard"]?.validate !== "function") {
    throw invalid(`"${handlers.name}" has a config that is no Standard Schema`, "wrap one of zod/mini in miniSchema");
  }
}

function invalid(what: string, remedy: string): KxError {
  return new KxError("KX_CNI_DEFINITION", `a CNI plug-in ${what}`, { remedy });
}
