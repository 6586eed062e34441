import type { DeepReadonly } from "@kx/controllers";
import type { SnapshotClass } from "./resources.ts";

/** The class that is used where none is named; a text says why there is none. */
export function defaultClass<T extends DeepReadonly<SnapshotClass>>(
  classes: readonly T[],
  driver: string,
  annotation: string,
): T | string {
  const defaults = defaultClasses(classes, driver, annotation);
  const [first] = defaults;
  if (first === undefined) return `cannot find default snapshot class of driver ${driver}`;
  return defaults.length === 1 ? first : `${defaults.length} default snapshot classes were found for driver ${driver}`;
}

/** All classes of a driver that say of themselves that they are the one. */
export function defaultClasses<T extends DeepReadonly<SnapshotClass>>(
  classes: readonly T[],
  driver: string,
  annotation: string,
): readonly T[] {
  return classes.filter((one) => one.driver === driver && one.metadata.annotations?.[annotation] === "true");
}
