import {
  type Cached,
  type CacheReader,
  type Client,
  done,
  type EventRecorder,
  isNotFound,
  keyOf,
  type Result,
  refOf,
  requeue,
  requeueAfter,
  type Stored,
} from "@kx/controllers";
import { type Clock, KxError, type Logger } from "@kx/core";
import type { SnapshotClass } from "../../snapshot-controller/resources.ts";
import { timeOf } from "../../snapshot-controller/steps.ts";
import type { DriverClient } from "../driver-client.ts";
import { outcomeOf, reasonOf, statusOf } from "../outcome.ts";
import { driverParameters, readSecret, type SecretRef, secretParameters } from "../secrets.ts";
import { annotatedSecret } from "./annotated-secret.ts";
import type { Content, ContentCall, ContentKind } from "./content-kind.ts";
import { planContentWork } from "./plan-content.ts";

/** What the work on a content needs. */
export interface ContentContext {
  readonly client: Client;
  readonly cache: CacheReader;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly driver: DriverClient;
  readonly callTimeoutMs: number;
  /** Tells the driver the names of what a snapshot is taken for. */
  readonly tellsNames: boolean;
}

/** Does for a content what its plan says. */
export async function workOn<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  ctx: ContentContext,
): Promise<Result> {
  const work = planContentWork(kind.state(content), ctx.driver.name);
  try {
    switch (work) {
      case "nothing":
        return done;
      case "settle":
        await annotate(kind, content, null, ctx);
        return done;
      case "create":
        return await create(kind, content, ctx);
      case "look":
        return await look(kind, content, ctx);
      case "delete":
        return await remove(kind, content, ctx);
      case "release":
        await release(kind, content, ctx);
        return done;
    }
  } catch (error) {
    if (isNotFound(error)) return done;
    if (KxError.is(error) && error.code === "KX_API_CONFLICT") return requeue();
    throw error;
  }
}

async function create<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  ctx: ContentContext,
): Promise<Result> {
  try {
    const names = ctx.tellsNames ? kind.names(content) : {};
    const parameters = { ...parametersOf(kind, content, ctx), ...names };
    const call = await callOf(annotatedSecret(content, kind.deletionSecret), ctx);
    // Whoever deletes the content meanwhile has to wait for the driver's answer.
    await annotate(kind, content, "yes", ctx);
    const status = await kind.create(content, parameters, call);
    await tell(kind, content, status, ctx);
    await annotate(kind, content, null, ctx);
    return status.readyToUse === true ? done : lookAgain(content, ctx);
  } catch (error) {
    if (isOfApi(error)) throw error;
    if (isAnswered(error)) await annotate(kind, content, null, ctx);
    return await failed(kind, content, kind.reasons.create, `Failed to create snapshot: ${reasonOf(error)}`, ctx);
  }
}

/** What the class tells the driver. Only contents of volumes need a class. */
function parametersOf<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  { cache }: ContentContext,
): Record<string, string> {
  const snapshotClass: Cached<SnapshotClass> | undefined = kind.classOf(content, cache);
  if (snapshotClass !== undefined) return driverParameters(snapshotClass.parameters ?? {}, known);
  throw new KxError("KX_CSI_CLASS", `the class ${kind.className(content) ?? ""} of the snapshot does not exist`);
}

const known: ReadonlySet<string> = new Set(
  secretParameters(["snapshotter", "snapshotter-list", "group-snapshotter", "group-snapshotter-get"]),
);

async function look<T extends Content>(kind: ContentKind<T>, content: Cached<T>, ctx: ContentContext): Promise<Result> {
  try {
    const call = await callOf(kind.lookSecret(content, kind.classOf(content, ctx.cache)), ctx);
    const status = await kind.look(content, call);
    await tell(kind, content, status, ctx);
    return status.readyToUse === true ? done : lookAgain(content, ctx);
  } catch (error) {
    if (isOfApi(error)) throw error;
    const message = `Failed to check and update snapshot content: ${reasonOf(error)}`;
    return await failed(kind, content, kind.reasons.look, message, ctx);
  }
}

async function remove<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  ctx: ContentContext,
): Promise<Result> {
  try {
    await kind.delete(content, await callOf(annotatedSecret(content, kind.deletionSecret), ctx));
  } catch (error) {
    const message = `Failed to delete snapshot: ${reasonOf(error)}`;
    ctx.events.event(content, { type: "Warning", reason: kind.reasons.delete, message });
    ctx.log.warn({ err: error }, "snapshot not deleted, trying again");
    return requeue();
  }
  // So that it is not deleted twice if the next step fails.
  const status = Object.fromEntries(kind.told.map((field) => [field, null]));
  const told = await patch(kind, content, { status }, ctx, "status");
  await release(kind, told as unknown as Cached<T>, ctx);
  return done;
}

async function release<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  ctx: ContentContext,
): Promise<void> {
  const { finalizers = [], resourceVersion } = content.metadata;
  if (!finalizers.includes(kind.finalizer)) return;
  const kept = finalizers.filter((name) => name !== kind.finalizer);
  await patch(kind, content, { metadata: { resourceVersion, finalizers: kept } }, ctx);
}

async function callOf(
  ref: SecretRef | undefined,
  { client, driver, callTimeoutMs, signal, clock }: ContentContext,
): Promise<ContentCall> {
  const secrets = await readSecret(client, ref, signal);
  return { driver, secrets, options: { timeoutMs: callTimeoutMs, signal }, nowMs: clock.now() };
}

/** Writes what the driver told, as far as it is new; when a snapshot was taken does not change any more. */
async function tell<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  status: NonNullable<T["status"]>,
  ctx: ContentContext,
): Promise<void> {
  const old: Readonly<Record<string, unknown>> = content.status ?? {};
  const news = Object.entries(status).filter(
    ([field, value]) =>
      JSON.stringify(old[field]) !== JSON.stringify(value) && !(isKept(field) && old[field] !== undefined),
  );
  const patched = { ...Object.fromEntries(news), ...(old["error"] === undefined ? {} : { error: null }) };
  if (Object.keys(patched).length > 0) await patch(kind, content, { status: patched }, ctx, "status");
}

function isKept(field: string): boolean {
  return field !== "readyToUse" && field !== "volumeSnapshotInfoList";
}

/** Tells of a failure, once, and tries again later. */
async function failed<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  reason: string,
  message: string,
  ctx: ContentContext,
): Promise<Result> {
  ctx.log.warn({ reason, message }, "snapshot failed, trying again");
  if (content.status?.error?.message === message) return requeue();
  ctx.events.event(content, { type: "Warning", reason, message });
  const error = { message, time: timeOf(ctx.clock.now()) };
  await patch(kind, content, { status: { error, readyToUse: false } }, ctx, "status");
  return requeue();
}

/** Sets the annotation of a creation under way, or takes it away. */
async function annotate<T extends Content>(
  kind: ContentKind<T>,
  content: Cached<T>,
  value: "yes" | null,
  ctx: ContentContext,
): Promise<void> {
  await patch(kind, content, { metadata: { annotations: { [kind.beingCreated]: value } } }, ctx);
}

/** A merge patch of this very object, not of a later one of its name. */
async function patch<T extends Content>(
  { resource }: ContentKind<T>,
  content: Cached<T>,
  change: Readonly<Record<string, unknown>>,
  { client, signal }: ContentContext,
  subresource?: "status",
): Promise<Stored<T>> {
  const metadata = { ...(change["metadata"] as object | undefined), uid: content.metadata.uid };
  const options = { type: "merge", signal, ...(subresource === undefined ? {} : { subresource }) } as const;
  return await client.patch(resource, refOf(keyOf(content)), { ...change, metadata }, options);
}

/** A driver's word that nothing is at work any more. */
function isAnswered(error: unknown): boolean {
  return statusOf(error) !== undefined && outcomeOf(error) === "final";
}

function isOfApi(error: unknown): boolean {
  return KxError.is(error) && (error.code.startsWith("KX_API_") || error.code.startsWith("KX_TRANSPORT_"));
}

/** Often at first, then ever more seldom; at least once a minute. */
function lookAgain({ metadata }: Cached<Content>, { clock }: ContentContext): Result {
  const ageMs = clock.now() - Date.parse(metadata.creationTimestamp);
  return requeueAfter(Math.min(60_000, Math.max(1000, ageMs / 2)));
}
