import {
  type Cached,
  type DeepReadonly,
  done,
  type EventInput,
  type EventTarget,
  isNotFound,
  keyOf,
  type ObjectLike,
  type ReconcileContext,
  type Resource,
  type Result,
  refOf,
  requeue,
} from "@kx/controllers";
import { KxError } from "@kx/core";

/** One thing to do about objects of the API server. Plans are lists of them, carried out in order. */
export type Step =
  | { readonly do: "event"; readonly about: EventTarget; readonly event: EventInput }
  /** A merge patch, which fails if the object has changed since it was read. */
  | {
      readonly do: "patch";
      readonly resource: Resource;
      readonly object: Cached<ObjectLike>;
      readonly patch: Readonly<Record<string, unknown>>;
      readonly subresource?: "status";
    }
  /** One that exists already is as good. */
  | { readonly do: "create"; readonly resource: Resource; readonly object: ObjectLike }
  /** One that is gone already is as good. */
  | { readonly do: "delete"; readonly resource: Resource; readonly object: Cached<ObjectLike> }
  /** Nothing more can be done now; tried again later, though nothing changes. */
  | { readonly do: "retry"; readonly why: string };

/** Carries out a plan. A conflict means that the cache was behind: the plan is made anew. */
export async function applySteps(
  steps: readonly Step[],
  { client, events, log, signal }: Pick<ReconcileContext, "client" | "events" | "log" | "signal">,
): Promise<Result> {
  for (const step of steps) {
    switch (step.do) {
      case "event":
        events.event(step.about, step.event);
        break;
      case "patch":
        if (!(await patched(step, client, signal))) return requeue();
        break;
      case "create":
        await client.create(step.resource, step.object, { signal }).catch(ignoring("KX_API_ALREADY_EXISTS"));
        break;
      case "delete": {
        const { uid } = step.object.metadata;
        await client
          .delete(step.resource, refOf(keyOf(step.object)), { uid, signal })
          .catch(ignoring("KX_API_NOT_FOUND"));
        break;
      }
      case "retry":
        log.info({ why: step.why }, "waiting");
        return requeue();
    }
  }
  return done;
}

/** False if the object is not any more what the plan was made for. */
async function patched(
  { resource, object, patch, subresource }: Extract<Step, { do: "patch" }>,
  client: ReconcileContext["client"],
  signal: AbortSignal,
): Promise<boolean> {
  const { resourceVersion } = object.metadata;
  const metadata = { ...(patch["metadata"] as object | undefined), resourceVersion };
  try {
    const options = { type: "merge", signal, ...(subresource === undefined ? {} : { subresource }) } as const;
    await client.patch(resource, refOf(keyOf(object)), { ...patch, metadata }, options);
    return true;
  } catch (error) {
    if (isNotFound(error) || (KxError.is(error) && error.code === "KX_API_CONFLICT")) return false;
    throw error;
  }
}

function ignoring(code: string): (error: unknown) => void {
  return (error) => {
    if (!KxError.is(error) || error.code !== code) throw error;
  };
}

/** The step that gives an object these finalizers beside its own, and takes others; undefined if it has it so. */
export function changeFinalizers(
  resource: Resource,
  object: Cached<ObjectLike>,
  { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): Step | undefined {
  const present = object.metadata.finalizers ?? [];
  const missing = add.filter((name) => !present.includes(name));
  const kept = present.filter((name) => !remove.includes(name));
  if (missing.length === 0 && kept.length === present.length) return undefined;
  return { do: "patch", resource, object, patch: { metadata: { finalizers: [...kept, ...missing] } } };
}

/** The step that sets an annotation; undefined if it is there. */
export function annotate(
  resource: Resource,
  object: Cached<ObjectLike>,
  name: string,
  value: string,
): Step | undefined {
  if (object.metadata.annotations?.[name] !== undefined) return undefined;
  return { do: "patch", resource, object, patch: { metadata: { annotations: { [name]: value } } } };
}

/** The status of what may fail. */
interface WithError extends ObjectLike {
  status?: { error?: { message?: string; time?: string }; readyToUse?: boolean };
}

/** What to do about a failure. */
export interface Failure {
  /** Reason of the event. */
  readonly reason: string;
  readonly message: string;
  /** Also says that the snapshot is not ready. */
  readonly isNotReady: boolean;
  /** Whether trying again can help. */
  readonly retry: boolean;
}

/** Writes a failure to the status and tells of it by an event, unless the status says it already. */
export function fail<T extends WithError>(
  resource: Resource<T>,
  object: Cached<T>,
  { reason, message, isNotReady, retry }: Failure,
  nowMs: number,
): readonly Step[] {
  const known = (object as DeepReadonly<WithError>).status?.error?.message === message;
  const error = { message, time: timeOf(nowMs) };
  const status = isNotReady ? { error, readyToUse: false } : { error };
  const tell: readonly Step[] = known
    ? []
    : [
        { do: "event", about: object, event: { type: "Warning", reason, message } },
        { do: "patch", resource, object, patch: { status }, subresource: "status" },
      ];
  return retry ? [...tell, { do: "retry", why: message }] : tell;
}

/** A time as the API writes it, of milliseconds since 1970. */
export function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
