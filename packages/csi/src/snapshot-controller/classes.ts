import type { DeepReadonly } from "@kx/controllers";
import type { SnapshotClass } from "./resources.ts";

/** The class that is used where none is named; a text says why there is none. */
export function defaultClass<T extends DeepReadonly<SnapshotClass>>(
  classes: readonly T[],
  driver: string,
  annotation: string,
): T | string {
  const defaults = classes.filter((one) => one.driver === driver && one.metadata.annotations?.[annotation] === "true");
  const [first] = defaults;
  if (first === undefined) return `cannot find default snapshot class of driver ${driver}`;
  return defaults.length === 1 ? first : `${defaults.length} default snapshot classes were found for driver ${driver}`;
}
