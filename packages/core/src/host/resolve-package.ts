import { createRequire, registerHooks } from "node:module";
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Node's conditions of an `import`: extensions are ES modules, and many packages export nothing else. */
const importConditions = ["node", "import", "module-sync", "node-addons"];

/** Where a package was found, or why it was not. */
export type Resolved = { readonly url: string } | { readonly cause: unknown };

/**
 * Finds a package by name beside each place in turn: a file, as if that file imported it; or a folder (its name ends with
 * a slash), which holds packages under their names or in `node_modules`.
 */
export function resolvePackage(name: string, places: readonly string[]): Resolved {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier, { ...context, conditions: importConditions }),
  });
  let cause: unknown;
  try {
    for (const importer of places.flatMap((place) => importersAt(place, name))) {
      try {
        const path = createRequire(importer).resolve(name);
        return { url: isAbsolute(path) ? pathToFileURL(path).href : path };
      } catch (error) {
        // That a package lacks the subpath tells more than that another place lacks the package.
        if (cause === undefined || isNotFound(cause)) cause = error;
      }
    }
  } finally {
    hooks.deregister();
  }
  return { cause };
}

function importersAt(place: string, name: string): readonly string[] {
  const url = place.startsWith("file:") ? place : pathToFileURL(resolve(place)).href + (place.endsWith("/") ? "/" : "");
  if (!url.endsWith("/")) return [url];
  const packageName = name.split("/", name.startsWith("@") ? 2 : 1).join("/");
  // A package resolves its own name, so it need not be in a folder node_modules, where Node runs no TypeScript.
  return [new URL(`./${packageName}/package.json`, url).href, new URL("package.json", url).href];
}

let isLending = false;
const lenders = new Set<string>([import.meta.url]);

/**
 * From now on, what imports an `@kx/` package that it has not installed is lent the host's, also when it imports it late.
 * One that brings its own keeps it: `kx: 1` lets the two work together.
 *
 * @param places - files whose packages are lent: the host's own.
 */
export function lendOwnPackages(places: readonly string[]): void {
  for (const place of places) if (place.startsWith("file:") && !place.endsWith("/")) lenders.add(place);
  if (isLending) return;
  isLending = true;
  registerHooks({
    resolve(specifier, context, next) {
      if (!specifier.startsWith("@kx/")) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        for (const parentURL of lenders) {
          try {
            return next(specifier, { ...context, parentURL });
          } catch {
            // The next may have it; if none has, the importer's own error is the one to tell.
          }
        }
        throw error;
      }
    },
  });
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(ERR_)?MODULE_NOT_FOUND$/.test(String(error.code));
}
