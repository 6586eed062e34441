import type { Client } from "@kx/controllers";
import type { SnapshotMetadata } from "@kx/core/contracts/snapshot-metadata";
import { type CallContext, grpcError, type MethodHandlers, toStatus } from "@kx/core/grpc";
import type { DriverClient } from "../controllers/driver-client.ts";
import { withoutValues } from "../controllers/secrets.ts";
import { withDeadline } from "../controllers/with-deadline.ts";
import { authorize } from "./authorize.ts";
import { type FoundSnapshot, findSnapshot } from "./find-snapshot.ts";
import { type MetadataMessage, pagesOf, type Wanted } from "./pages.ts";

/** What the service stands on. */
export interface MetadataEnv {
  readonly client: Client;
  readonly driver: DriverClient;
  readonly audience: string | undefined;
}

/** The service: finds out who asks and about what, then passes the driver's stream on as fast as its reader takes it. */
export function metadataHandlers(env: MetadataEnv): MethodHandlers<typeof SnapshotMetadata> {
  const { snapshotMetadata } = env.driver;
  return {
    async *getMetadataAllocated({ securityToken, namespace, snapshotName, startingOffset, maxResults }, ctx) {
      requireFields({ security_token: securityToken, namespace, snapshot_name: snapshotName });
      const signal = endOf(ctx);
      const { handle, secrets } = await admit(env, { securityToken, namespace, snapshotName }, ctx, signal);
      const wanted = { startingOffset, maxResults };
      const asked = { snapshotId: handle, secrets, ...wanted };
      yield* passOn(snapshotMetadata.getMetadataAllocated(asked, { signal }), wanted, secrets, ctx);
    },
    async *getMetadataDelta(request, ctx) {
      const { securityToken, namespace, baseSnapshotId, targetSnapshotName, startingOffset, maxResults } = request;
      requireFields({
        security_token: securityToken,
        namespace,
        base_snapshot_id: baseSnapshotId,
        target_snapshot_name: targetSnapshotName,
      });
      const signal = endOf(ctx);
      const asking = { securityToken, namespace, snapshotName: targetSnapshotName };
      const { handle, secrets } = await admit(env, asking, ctx, signal);
      const wanted = { startingOffset, maxResults };
      const asked = { baseSnapshotId, targetSnapshotId: handle, secrets, ...wanted };
      yield* passOn(snapshotMetadata.getMetadataDelta(asked, { signal }), wanted, secrets, ctx);
    },
  };
}

function requireFields(fields: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === "") throw grpcError("INVALID_ARGUMENT", `${name} is missing`);
  }
}

/** Nothing is worth going on with when nobody waits for it, or the service stops. */
function endOf({ signal, callSignal }: CallContext): AbortSignal {
  return AbortSignal.any([signal, callSignal]);
}

/** How long the API server may take to tell who asks, and about what. */
const admitMs = 30_000;

interface AskedFor {
  readonly securityToken: string;
  readonly namespace: string;
  readonly snapshotName: string;
}

/** What does not exist is told only to those who may know what does. */
async function admit(
  { client, driver, audience }: MetadataEnv,
  { securityToken, namespace, snapshotName }: AskedFor,
  { method, clock, log, signal: stopping }: CallContext,
  signal: AbortSignal,
): Promise<FoundSnapshot> {
  const driverName = driver.name;
  try {
    return await withDeadline(method, { signal, timeoutMs: admitMs }, clock, async (inTime) => {
      await authorize({ securityToken, namespace }, { client, driverName, audience, log, signal: inTime });
      return await findSnapshot({ namespace, name: snapshotName }, { client, driverName, signal: inTime });
    });
  } catch (error) {
    stopping.throwIfAborted();
    throw error;
  }
}

async function* passOn(
  stream: AsyncIterable<MetadataMessage>,
  wanted: Wanted,
  secrets: Readonly<Record<string, string>>,
  { signal }: CallContext,
) {
  try {
    for await (const message of stream) {
      signal.throwIfAborted();
      yield* pagesOf(message, wanted);
    }
  } catch (error) {
    // The reason of a server that stops.
    signal.throwIfAborted();
    const { status, message } = toStatus(error);
    // Without its cause, which may tell the secrets: the driver's side has logged it.
    throw grpcError(status === "UNKNOWN" ? "INTERNAL" : status, withoutValues(`the driver: ${message}`, secrets));
  }
}
