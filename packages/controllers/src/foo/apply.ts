import { type Clock, KxError } from "@kx/core";
import { Deployment } from "../api/gen/apps-v1.ts";
import type { Cached, DeepReadonly } from "../api/resource.ts";
import { isNotFound } from "../client/status-error.ts";
import type { ReconcileContext } from "../controller/define-controller.ts";
import type { Step } from "./plan.ts";
import { Foo } from "./resource.ts";

/** Carries out the steps of a plan. `current` is the Deployment that the plan was made for. */
export async function applySteps(
  steps: readonly Step[],
  foo: Cached<Foo>,
  current: DeepReadonly<Deployment> | undefined,
  statusIsSubresource: StatusProbe,
  ctx: ReconcileContext,
): Promise<void> {
  const { client, events, log, signal } = ctx;
  let deployment = current;
  for (const step of steps) {
    switch (step.do) {
      case "ignore":
        log.warn({}, step.why);
        break;
      case "create-deployment":
        deployment = await client.create(Deployment, step.deployment, { signal });
        break;
      case "replace-deployment":
        deployment = await client.update(Deployment, step.deployment, { signal });
        break;
      case "refuse-deployment":
        events.event(foo, { type: "Warning", reason: "ErrResourceExists", message: step.message });
        throw new KxError("KX_FOO_RESOURCE_EXISTS", step.message, { retryable: true });
      case "update-status":
        await updateStatus(foo, deployment?.status?.availableReplicas ?? 0, statusIsSubresource, ctx);
        break;
      case "report-synced":
        events.event(foo, { type: "Normal", reason: "Synced", message: "Foo synced successfully" });
        break;
    }
  }
}

async function updateStatus(
  foo: Cached<Foo>,
  availableReplicas: number,
  statusIsSubresource: StatusProbe,
  { client, clock, signal }: ReconcileContext,
): Promise<void> {
  const status = { ...foo.status, availableReplicas };
  try {
    if (await statusIsSubresource(() => client.discover(Foo.group, Foo.version, { signal }), clock)) {
      await client.updateStatus(Foo, { ...foo, status }, { signal });
      return;
    }
    // The cache leaves out kubectl's annotation, which a full update from it would delete. The cached version stays, so
    // that a Foo changed meanwhile is a conflict.
    const live = await client.get(Foo, foo.metadata, { signal });
    const { resourceVersion } = foo.metadata;
    await client.update(Foo, { ...live, metadata: { ...live.metadata, resourceVersion }, status }, { signal });
  } catch (error) {
    // The CRD may have been replaced by one of the other sort.
    if (isNotFound(error)) statusIsSubresource.forget();
    throw error;
  }
}

/** Tells whether the installed CRD has a status subresource; remembers the answer for a while. */
export interface StatusProbe {
  (discover: () => ReturnType<ReconcileContext["client"]["discover"]>, clock: Clock): Promise<boolean>;
  forget(): void;
}

const rememberMs = 30_000;

/** A probe that knows nothing yet. */
export function createStatusProbe(): StatusProbe {
  let known: { readonly answer: Promise<boolean>; readonly at: number } | undefined;
  const probe = async (...[discover, clock]: Parameters<StatusProbe>) => {
    if (known === undefined || clock.now() - known.at >= rememberMs) {
      known = { answer: discover().then((found) => found.hasSubresource(Foo.plural, "status")), at: clock.now() };
      known.answer.catch(() => {
        known = undefined;
      });
    }
    return await known.answer;
  };
  return Object.assign(probe, {
    forget: () => {
      known = undefined;
    },
  });
}
