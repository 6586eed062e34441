import { type Clock, KxError, type Logger } from "@kx/core";
import { apiVersionOf, type ObjectLike, type Resource, type Stored } from "../api/resource.ts";
import type { Client } from "../client/client.ts";
import type { Selection, WatchOptions } from "../client/options.ts";
import { createPacer } from "../client/pacer.ts";
import type { WatchEvent } from "../client/watch-event.ts";
import { createBackoff, reflectorBackoff } from "./backoff.ts";
import type { CacheSelection } from "./selection.ts";
import { trim } from "./trim.ts";

/** What a reflection of a resource needs. */
export interface ReflectOptions<T extends ObjectLike> {
  readonly resource: Resource<T>;
  readonly selection?: CacheSelection;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Numbers from 0 to below 1. */
  readonly random: () => number;
}

/** Who is told the state of a resource. */
export interface Sink<T extends ObjectLike> {
  /** The whole state follows: at first, and after a gap in the watch. May come again before `end`. */
  begin(): void;
  add(object: Stored<T>): void;
  /** What has not been added since `begin` does not exist. */
  end(): void;
  apply(event: Extract<WatchEvent<T>, { object: unknown }>): void;
  /** The server tells how far the watch has come: about once a minute. */
  bookmark(): void;
}

// The server ends a watch after a time chosen here between 5 and 10 minutes, so that clients do not come back together.
const watchMinSeconds = 300;
/** A watch that the server has not ended this long after its time is given up. */
const watchGraceSeconds = 60;
/** A watch that ends sooner, without an event, counts as failed. */
const shortWatchMs = 1000;

/** How far a reflection has come. */
interface Position {
  /** Undefined until the whole state has been read. */
  version: string | undefined;
  /** Whether the server sends the whole state by a watch (KEP-3157); true until it refuses to. */
  streams: boolean;
}

/** Lists and watches a resource until the signal aborts: nothing else ends it. */
export async function reflect<T extends ObjectLike>(
  options: ReflectOptions<T>,
  sink: Sink<T>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, resource } = options;
  const log = options.log.child({ apiVersion: apiVersionOf(resource), resource: resource.plural });
  const backoff = createBackoff(reflectorBackoff, clock, random);
  const position: Position = { version: undefined, streams: true };
  let isMissing = false;
  let hasFailed = false;
  const saw = () => {
    if (isMissing) log.info({}, "resource is served now");
    isMissing = false;
  };

  while (!signal.aborted) {
    try {
      if (hasFailed && position.version !== undefined && (await isBehind(options, position.version, signal))) {
        log.warn({ version: position.version }, "server's state is older than what was seen of it, listing again");
        position.version = undefined;
      }
      hasFailed = false;
      if (position.version === undefined && !position.streams) position.version = await list(options, sink, signal);
      if (position.version !== undefined) saw();
      const startedAt = clock.now();
      const events = await watch(options, sink, position, signal, saw);
      if (events > 0 || clock.now() - startedAt >= shortWatchMs) continue;
      log.debug({}, "watch ended at once");
    } catch (error) {
      if (signal.aborted) return;
      hasFailed = true;
      const code = KxError.is(error) ? error.code : undefined;
      if (position.version === undefined && position.streams && refusesStreams(code)) {
        log.debug({ err: error }, "server does not stream lists, reading pages");
        position.streams = false;
        continue;
      }
      if (mustRelist(error)) position.version = undefined;
      if (code === "KX_API_NOT_FOUND") {
        if (!isMissing) log.warn({}, "resource is not served, waiting for it: is its CRD installed?");
        isMissing = true;
        // Somebody is about to install it: growing waits would only make a start slow.
        await clock.sleep(missingRetryMs, signal).catch(() => undefined);
        continue;
      }
      if (code === "KX_API_GONE") log.info({}, "watch too old, listing again");
      else log.warn({ err: error }, "list or watch failed, trying again");
    }
    await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
  }
}

/** How often a resource that is not served is asked for again. */
const missingRetryMs = 1000;

/**
 * Whether the server knows less than was seen of it: its store was restored from a backup while it was out of reach. A watch from
 * what was seen would not fail, but leave out all that happens until as much has happened anew.
 */
async function isBehind<T extends ObjectLike>(
  { client, resource, selection = {} }: ReflectOptions<T>,
  version: string,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const { resourceVersion } of client.pages(resource, { ...selected(selection), pageSize: 1, signal })) {
    return isOlder(resourceVersion, version);
  }
  return false;
}

/** Compares versions, which are numbers as Kubernetes has them (KEP-5504); others tell nothing. */
function isOlder(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return false;
  return BigInt(version) < BigInt(than);
}

async function list<T extends ObjectLike>(
  { client, resource, selection = {} }: ReflectOptions<T>,
  sink: Sink<T>,
  signal: AbortSignal,
): Promise<string> {
  let version = "";
  sink.begin();
  const pace = createPacer();
  for await (const page of client.pages(resource, { ...selected(selection), signal })) {
    for (const object of page.items) {
      prepare(object, selection);
      sink.add(object);
      await pace();
    }
    version = page.resourceVersion;
  }
  sink.end();
  return version;
}

/**
 * Follows a watch to its end; `position` tells how far it came, also if it throws. Without a version the watch brings the
 * whole state first. Returns the number of events.
 */
async function watch<T extends ObjectLike>(
  { client, resource, selection = {}, random }: ReflectOptions<T>,
  sink: Sink<T>,
  position: Position,
  signal: AbortSignal,
  saw: () => void,
): Promise<number> {
  const timeoutSeconds = Math.round(watchMinSeconds * (1 + random()));
  const overdue = AbortSignal.timeout((timeoutSeconds + watchGraceSeconds) * 1000);
  let events = 0;
  let isInitial = position.version === undefined;
  const from: WatchOptions = isInitial ? { sendInitialEvents: true } : { resourceVersion: position.version ?? "" };
  const stream = client.watch(resource, {
    ...selected(selection),
    ...from,
    timeoutSeconds,
    signal: AbortSignal.any([signal, overdue]),
  });
  if (isInitial) sink.begin();
  const pace = createPacer();
  for await (const event of stream) {
    events += 1;
    const waiting = pace();
    if (waiting !== undefined) await waiting;
    if (event.type === "BOOKMARK") {
      if (isInitial && !event.isInitialEnd) continue;
      if (isInitial) {
        sink.end();
        saw();
      }
      isInitial = false;
      position.version = event.resourceVersion;
      sink.bookmark();
      continue;
    }
    prepare(event.object, selection);
    if (isInitial && event.type === "ADDED") sink.add(event.object);
    else sink.apply(event);
    if (!isInitial) position.version = event.object.metadata.resourceVersion;
  }
  return events;
}

function selected({ namespace, labelSelector, fieldSelector }: CacheSelection): Selection {
  return {
    namespace,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

function prepare(object: ObjectLike, { keep, transform }: CacheSelection): void {
  trim(object, keep);
  transform?.(object);
}

/** Whether an answer to a watch for the whole state means that the server knows no such thing. */
function refusesStreams(code: string | undefined): boolean {
  return code === "KX_API_BAD_REQUEST" || code === "KX_API_INVALID" || code === "KX_API_METHOD_NOT_ALLOWED";
}

/** Whether the watch cannot go on where it stopped: anything but a lost connection or an overloaded server. */
function mustRelist(error: unknown): boolean {
  if (!KxError.is(error)) return !(error instanceof DOMException);
  return !(
    error.code.startsWith("KX_TRANSPORT_") ||
    error.code === "KX_API_UNAVAILABLE" ||
    error.code === "KX_API_TOO_MANY_REQUESTS"
  );
}
