import { didYouMean, KxError } from "@kx/core";
import type { CsiDriver, CsiDriverDefinition } from "./csi-driver.ts";
import { type CheckFeatures, type CsiFeatures, featureNeeds } from "./csi-features.ts";
import { handlerNames } from "./handler-names.ts";

const otherFields = ["name", "version", "manifest", "state", "features", "csiDriver", "init", "probe"] as const;
const functions: readonly string[] = ["init", "probe", ...handlerNames];
const known: readonly string[] = [...otherFields, ...handlerNames];

const featureNames: Readonly<Record<keyof CsiFeatures, true>> = {
  singleNodeMultiWriter: true,
  volumeMountGroup: true,
  publishReadonly: true,
  clone: true,
  publishedNodes: true,
  topology: true,
  snapshotTopology: true,
  expansion: true,
  volumeCondition: true,
  accessTypes: true,
  accessModes: true,
  fsTypes: true,
};

/**
 * Makes a driver of its handlers. Does nothing yet: `runCsiDriver` serves it, or a host.
 *
 * @throws KxError `KX_CSI_DEFINITION`.
 */
export function defineCsiDriver<const Definition extends CsiDriverDefinition>(
  definition: Definition & CheckFeatures<Definition>,
): CsiDriver {
  validate(definition);
  const bound = bind(definition);
  return Object.freeze({
    kx: 1,
    kind: "csi",
    name: bound.name,
    version: bound.version ?? "0.0.0",
    definition: bound,
    parts: () => [],
    manifests: () => [],
  } satisfies CsiDriver);
}

/** Reads by property access, so that getters and inherited methods count, and binds methods to their object. */
function bind(definition: CsiDriverDefinition): Readonly<CsiDriverDefinition> {
  const bound: Record<string, unknown> = {};
  for (const key of known) {
    const value: unknown = Reflect.get(definition, key);
    if (value !== undefined) bound[key] = typeof value === "function" ? value.bind(definition) : value;
  }
  // Each field was copied under its own name.
  return Object.freeze(bound) as unknown as CsiDriverDefinition;
}

function validate(definition: CsiDriverDefinition): void {
  refuseUnknown("field", definition, known);
  const { name, features = {} } = definition;
  if (typeof name !== "string" || name.length > 63 || !/^[a-zA-Z0-9]([-.a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name)) {
    throw invalid(
      `cannot be named ${JSON.stringify(name)}`,
      "use domain name notation of at most 63 characters, such as disk.csi.example.com",
    );
  }
  for (const key of functions) {
    const handler: unknown = Reflect.get(definition, key);
    if (handler === undefined || typeof handler === "function") continue;
    throw invalid(`"${name}" has no function ${key}`, `write ${key}(request, ctx), or leave it out`);
  }
  refuseUnknown("feature", features, Object.keys(featureNames));
  refuseUnmetFeatures(definition);
}

/** The same as `CheckFeatures`, for those who write no TypeScript. */
function refuseUnmetFeatures(definition: CsiDriverDefinition): void {
  for (const [feature, lists] of Object.entries(featureNeeds)) {
    const value: unknown = Reflect.get(definition.features ?? {}, feature);
    if (value === undefined || value === false) continue;
    for (const list of lists) {
      if (list.some((handler) => Reflect.get(definition, handler) !== undefined)) continue;
      throw invalid(
        `"${definition.name}" has the feature ${feature} without the handler ${list.join(" or ")}`,
        `add the handler, or take the feature away`,
      );
    }
  }
}

/** An instance of a class may have fields of its own; a mistyped literal may not. */
function refuseUnknown(what: string, given: object, names: readonly string[]): void {
  if (Object.getPrototypeOf(given) !== Object.prototype) return;
  for (const key of Object.keys(given)) {
    if (names.includes(key)) continue;
    const meant = didYouMean(key, names);
    throw invalid(
      `has no ${what} "${key}"`,
      meant === undefined ? `known are ${names.join(", ")}` : `did you mean ${meant}?`,
    );
  }
}

function invalid(what: string, remedy: string): KxError {
  return new KxError("KX_CSI_DEFINITION", `a CSI driver ${what}`, { remedy });
}
