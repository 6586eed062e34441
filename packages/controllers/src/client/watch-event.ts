import { KxError } from "@kx/core";
import type { Status } from "../api/gen/meta-v1.ts";
import { apiVersionOf, type ObjectLike, type Resource, type Stored } from "../api/resource.ts";
import { statusError } from "./status-error.ts";

/** What a watch reports. A bookmark only tells how far it has come, `isInitialEnd` that all that existed has been sent. */
export type WatchEvent<T extends ObjectLike> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Stored<T> }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly isInitialEnd: boolean };

/** Reads one line of a watch. Throws the error that an ERROR event carries. */
export function parseWatchEvent<T extends ObjectLike>(line: Buffer, resource: Resource<T>): WatchEvent<T> {
  const { type, object } = parseLine(line, resource);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: object as unknown as Stored<T> };
    case "BOOKMARK":
      return {
        type,
        resourceVersion: object.metadata.resourceVersion ?? "",
        isInitialEnd: object.metadata.annotations?.["k8s.io/initial-events-end"] === "true",
      };
    case "ERROR": {
      const status = object as unknown as Status;
      throw statusError(status.code ?? 500, status, `watch of ${resource.plural}`);
    }
    default:
      throw garbage(resource, line);
  }
}

function parseLine(line: Buffer, resource: Resource): { type: unknown; object: ObjectLike } {
  let event: unknown;
  try {
    event = JSON.parse(line.toString("utf8"));
  } catch (cause) {
    throw garbage(resource, line, cause);
  }
  if (typeof event !== "object" || event === null || !("type" in event) || !("object" in event)) {
    throw garbage(resource, line);
  }
  const object = event.object;
  if (typeof object !== "object" || object === null) throw garbage(resource, line);
  if (event.type !== "ERROR" && !("metadata" in object)) throw garbage(resource, line);
  return { type: event.type, object: object as ObjectLike };
}

function garbage(resource: Resource, line: Buffer, cause?: unknown): KxError {
  const start = line.subarray(0, 80).toString("utf8");
  return new KxError(
    "KX_WATCH_GARBAGE",
    `watch of ${apiVersionOf(resource)} ${resource.plural} got a line that is no event: ${start}`,
    { cause, retryable: true },
  );
}
