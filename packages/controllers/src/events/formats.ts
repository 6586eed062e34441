import { hostname } from "node:os";
import { Event as CoreEvent } from "../api/gen/core-v1.ts";
import { Event as NewEvent } from "../api/gen/events-v1.ts";
import type { DeepReadonly, ObjectLike, ObjectRef, Resource } from "../api/resource.ts";
import { microTime } from "../leader/lease.ts";
import type { EventInput, EventTarget } from "./recorder.ts";

/** The API that events are written by. */
export type EventsApi = "core/v1" | "events.k8s.io/v1";

/** An event that is to be written for the first time. */
export interface FirstEvent {
  readonly ref: Required<ObjectRef> & { readonly namespace: string };
  readonly object: EventTarget;
  readonly input: EventInput;
  readonly component: string;
  readonly atMs: number;
}

/** How one API writes events down. */
export interface EventFormat {
  readonly resource: Resource;
  create(event: FirstEvent): DeepReadonly<ObjectLike>;
  /** The merge patch for an event that has happened `count` times. */
  repeat(count: number, atMs: number, message: string): object;
}

/** The two formats. */
export const eventFormats: Readonly<Record<EventsApi, EventFormat>> = {
  "core/v1": {
    resource: CoreEvent,
    create: ({ ref, object, input, component, atMs }) => ({
      metadata: ref,
      involvedObject: reference(object),
      type: input.type,
      reason: input.reason,
      message: input.message,
      source: { component },
      reportingComponent: component,
      firstTimestamp: timestamp(atMs),
      lastTimestamp: timestamp(atMs),
      count: 1,
    }),
    repeat: (count, atMs, message) => ({
      count,
      lastTimestamp: timestamp(atMs),
      ...(message.startsWith(combined) ? { message } : {}),
    }),
  },
  "events.k8s.io/v1": {
    resource: NewEvent,
    create: ({ ref, object, input, component, atMs }) => ({
      metadata: ref,
      regarding: reference(object),
      type: input.type,
      reason: input.reason,
      action: input.action ?? input.reason,
      note: input.message,
      reportingController: component,
      reportingInstance: `${component}-${hostname()}`.slice(0, 128),
      eventTime: microTime(atMs),
    }),
    repeat: (count, atMs, message) => ({
      series: { count, lastObservedTime: microTime(atMs) },
      ...(message.startsWith(combined) ? { note: message } : {}),
    }),
  },
};

/** How the message of an event starts that stands for several. */
export const combined = "(combined from similar events): ";

function reference({ apiVersion, kind, metadata }: EventTarget): object {
  const { name = "", namespace, uid, resourceVersion } = metadata;
  return {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    name,
  };
}

/** Kubernetes' Time has whole seconds. */
function timestamp(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
