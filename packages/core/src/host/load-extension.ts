import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { checkConfig, formatPath, showValue } from "../config/problems.ts";
import { didYouMean } from "../did-you-mean.ts";
import { KxError, type KxErrorCode } from "../error.ts";
import type { Extension, ExtensionModule } from "../extension.ts";
import { isRecord } from "../is-record.ts";
import type { Entry } from "./hosted-extension.ts";
import { lendOwnPackages, resolvePackage } from "./resolve-package.ts";

/** What imports packages, by their names. */
export type ExtensionImports = Readonly<Record<string, () => Promise<unknown>>>;

/** Imports the extension of one entry into this process and creates it with its options. */
export async function loadExtension(
  entry: Entry,
  resolveFrom: readonly string[],
  modules: ExtensionImports = {},
): Promise<Extension> {
  lendOwnPackages(resolveFrom);
  const own = Object.hasOwn(modules, entry.package) ? modules[entry.package] : undefined;
  const module = extensionOf(own === undefined ? await importPackage(entry, resolveFrom) : await own(), entry);
  const checked = await checkConfig(module.options, entry.options ?? {});
  if ("problems" in checked) {
    const wrong = checked.problems.map(({ path, value, message, remedy }) => {
      const where = path.length === 0 ? "options" : `options.${formatPath(path)}`;
      return `${where} ${message} (${showValue(path, value)}${remedy === undefined ? "" : `; ${remedy}`})`;
    });
    throw failure("OPTIONS", entry, wrong.join("; "), "correct these options");
  }
  let extension: unknown;
  try {
    extension = module.create(checked.value);
  } catch (cause) {
    throw failure("CREATE", entry, `create() failed: ${KxError.from(cause).reason}`, "see the cause", cause);
  }
  if (isExtension(extension)) return extension;
  throw failure("PROTOCOL", entry, `create() returned no extension with kx: 1${found(extension)}`, protocolRemedy);
}

async function importPackage(entry: Entry, resolveFrom: readonly string[]): Promise<unknown> {
  const resolved = resolvePackage(entry.package, resolveFrom);
  if ("cause" in resolved) {
    const { cause } = resolved;
    const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    const places = resolveFrom.map((place) => (place.endsWith("/") ? `in ${place}` : `beside ${place}`));
    const remedy = "check the name, and install the package where the configuration or the host can find it";
    throw failure("NOT_FOUND", entry, `not found ${places.join(" nor ")}${why}`, remedy, cause);
  }
  try {
    const loaded: unknown = await import(resolved.url);
    return loaded;
  } catch (cause) {
    const place = cause instanceof SyntaxError ? `, at ${await placeOf(cause, resolved.url)}` : "";
    const reason = `importing it failed: ${KxError.from(cause).reason}${place}`;
    throw failure("IMPORT", entry, reason, "see the cause", cause);
  }
}

/** Of text that it cannot parse, Node shows the place on the terminal alone; a check of the file shows it again. */
async function placeOf(error: SyntaxError, url: string): Promise<string> {
  const place = /^(file:)?\/\S+:\d+$/m;
  const linked = place.exec(error.stack ?? "")?.[0];
  if (linked !== undefined || !url.startsWith("file:")) return linked ?? url;
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, ["--check", fileURLToPath(url)], { timeout: 5000 }, (_, __, stderr) => resolve(stderr));
  return place.exec(await promise)?.[0] ?? `${url} or what it imports`;
}

function extensionOf(loaded: unknown, entry: Entry): ExtensionModule {
  const names = typeof loaded === "object" && loaded !== null ? Object.keys(loaded) : [];
  const exported: unknown = names.includes("extension") ? Reflect.get(Object(loaded), "extension") : undefined;
  if (exported === undefined) {
    const near = didYouMean("extension", names);
    const has = near === undefined ? `it exports ${names.join(", ") || "nothing"}` : `it exports ${near}`;
    throw failure("EXPORT", entry, `it has no export named extension; ${has}`, "export what defineExtension returns");
  }
  if (isExtensionModule(exported)) return exported;
  const reason = `its export named extension is no extension module with kx: 1${found(exported)}`;
  throw failure("PROTOCOL", entry, reason, protocolRemedy);
}

function found(value: unknown): string {
  return isRecord(value) && "kx" in value && value["kx"] !== 1 ? `, but with kx: ${String(value["kx"])}` : "";
}

const protocolRemedy = "make it with defineExtension of a @kx/core that this host supports";

function isExtensionModule(value: unknown): value is ExtensionModule {
  return isRecord(value) && value["kx"] === 1 && typeof value["create"] === "function" && "options" in value;
}

function isExtension(value: unknown): value is Extension {
  return (
    isRecord(value) && value["kx"] === 1 && typeof value["parts"] === "function" && typeof value["name"] === "string"
  );
}

type What = "NOT_FOUND" | "IMPORT" | "EXPORT" | "PROTOCOL" | "OPTIONS" | "CREATE" | "ISOLATION";

/** A failure to load an extension, which names the package and its place in the configuration. */
export function failure(what: What, entry: Entry, reason: string, remedy: string, cause?: unknown): KxError {
  const code: KxErrorCode = `KX_HOST_EXTENSION_${what}`;
  const details = { package: entry.package, path: entry.at };
  return new KxError(code, `extension ${entry.package} (${entry.at}): ${reason}`, { remedy, details, cause });
}
