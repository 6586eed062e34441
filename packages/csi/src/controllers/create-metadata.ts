import type { Cached } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { reservedPrefix } from "./secrets.ts";

/** What a driver may be told of a volume: the names of its claim and its object. */
export function namesOf({ metadata }: Cached<PersistentVolumeClaim>, volumeName: string): Record<string, string> {
  return {
    [`${reservedPrefix}pvc/name`]: metadata.name,
    [`${reservedPrefix}pvc/namespace`]: metadata.namespace ?? "",
    [`${reservedPrefix}pv/name`]: volumeName,
  };
}
