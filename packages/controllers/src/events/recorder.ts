import { type Clock, KxError, type Logger } from "@kx/core";
import type { ObjectMeta } from "../api/gen/meta-v1.ts";
import type { DeepReadonly } from "../api/resource.ts";
import type { Client } from "../client/client.ts";
import { isNotFound } from "../client/status-error.ts";
import { createAggregation } from "./aggregate.ts";
import { combined, type EventsApi, eventFormats } from "./formats.ts";
import { createSpamFilter } from "./spam-filter.ts";

export type { EventsApi } from "./formats.ts";

/** Something to tell the user about an object. */
export interface EventInput {
  readonly type: "Normal" | "Warning";
  /** One CamelCase word, for machines. */
  readonly reason: string;
  /** A sentence, for people. */
  readonly message: string;
  /** What was done or tried, one CamelCase word; events.k8s.io/v1 has it. Default: the reason. */
  readonly action?: string;
}

/** What an event can be about. */
export interface EventTarget {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: DeepReadonly<ObjectMeta>;
}

/** Tells users what happened to their objects: `kubectl describe` shows it. */
export interface EventRecorder {
  /**
   * Returns at once; an event equal to an earlier one raises that one's count. More than 10 that differ in their message
   * alone become one. After 25 events about an object in a row only one each 5 minutes is written, with the count of those
   * in between. Failures are logged.
   */
  event(object: EventTarget, input: EventInput): void;
}

/** What a recorder needs. */
export interface EventRecorderOptions {
  readonly client: Client;
  /** Who reports. */
  readonly component: string;
  /** Default: `events.k8s.io/v1`. */
  readonly api?: EventsApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long disposing waits for events that are not written yet, in milliseconds. Default: 2,000. */
  readonly flushMs?: number;
}

interface Recorded {
  readonly name: string;
  readonly namespace: string;
  count: number;
}

// As client-go: events are dropped rather than held without bound, and a server that is away is asked twelve times.
const maxWaiting = 1000;
const maxRemembered = 4096;
const maxTries = 12;
const retryMs = 10_000;

/** A recorder of events. Disposing writes what is pending, with a bound, and drops what comes later. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder & AsyncDisposable {
  const { client, component, api = "events.k8s.io/v1", clock, log, flushMs = 2000 } = options;
  const format = eventFormats[api];
  const remembered = new Map<string, Recorded>();
  const spam = createSpamFilter(clock);
  const aggregation = createAggregation(clock);
  const over = new AbortController();
  const { signal } = over;
  let closed = false;
  let waiting = 0;
  let tail = Promise.resolve();

  const write = async ({ id, object, input, atMs }: Pending): Promise<void> => {
    const earlier = remembered.get(id);
    if (earlier !== undefined) {
      const patch = format.repeat(earlier.count + 1, atMs, input.message);
      try {
        await client.patch(format.resource, earlier, patch, { type: "merge", fieldManager: component, signal });
        earlier.count += 1;
        return;
      } catch (error) {
        // The API server forgets events after an hour.
        if (!isNotFound(error)) throw error;
      }
    }
    const ref = newRef(object, atMs);
    const event = format.create({ ref, object, input, component, atMs });
    await client.create(format.resource, event, { fieldManager: component, signal });
    remembered.delete(id);
    remembered.set(id, { ...ref, count: 1 });
    const [oldest] = remembered.keys();
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest);
  };

  const writeWithRetries = async (pending: Pending): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        return await write(pending);
      } catch (error) {
        if (signal.aborted) return;
        const retryable = KxError.is(error) && error.code.startsWith("KX_TRANSPORT_");
        if (!retryable || tries === maxTries) {
          log.warn({ err: error, reason: pending.input.reason }, "event dropped");
          return;
        }
        await clock.sleep(retryMs, signal).catch(() => undefined);
      }
    }
  };

  const holdBack = ({ id }: Pending): void => {
    const earlier = remembered.get(id);
    if (earlier !== undefined) earlier.count += 1;
  };

  return {
    event(object, given) {
      if (closed || waiting >= maxWaiting) {
        log.warn({ reason: given.reason }, closed ? "event dropped, stopping" : "event dropped, too many are waiting");
        return;
      }
      waiting += 1;
      const similar = JSON.stringify([objectId(object), given.type, given.reason]);
      const isCrowded = aggregation.isCrowded(similar, given.message);
      const input = isCrowded ? { ...given, message: combined + given.message } : given;
      const id = isCrowded ? similar : JSON.stringify([similar, given.message]);
      const pending = { id, object, input, atMs: clock.now() };
      const allowed = spam.allows(objectId(object));
      tail = tail
        .then(() => (allowed ? writeWithRetries(pending) : holdBack(pending)))
        .finally(() => {
          waiting -= 1;
        });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      const flushed = new AbortController();
      clock.sleep(flushMs, flushed.signal).then(
        () => over.abort(),
        () => undefined,
      );
      await tail;
      flushed.abort();
    },
  };
}

interface Pending {
  /** Equal for events that are written as one. */
  readonly id: string;
  readonly object: EventTarget;
  readonly input: EventInput;
  readonly atMs: number;
}

function objectId({ kind, metadata: { namespace, name, uid } }: EventTarget): string {
  return JSON.stringify([kind, namespace, name, uid]);
}

let sequence = 0;

function newRef({ metadata: { name = "", namespace } }: EventTarget, atMs: number) {
  sequence += 1;
  // The API server wants names to differ: nanoseconds as client-go, of which the last digits are a sequence here.
  const suffix = (BigInt(atMs) * 1_000_000n + BigInt(sequence % 1_000_000)).toString(16);
  // Events of cluster-scoped objects live in the default namespace.
  return { name: `${name}.${suffix}`, namespace: namespace ?? "default" };
}
