import { type Client, reviewAccess, reviewToken } from "@kx/controllers";
import { KxError, type Logger } from "@kx/core";
import { grpcError } from "@kx/core/grpc";
import { VolumeSnapshot } from "../snapshot-controller/resources.ts";
import { SnapshotMetadataService } from "./resources.ts";

/** What is asked for, and by whom. */
export interface Asking {
  readonly securityToken: string;
  readonly namespace: string;
}

/** What judging needs. */
export interface Judging {
  readonly client: Client;
  readonly driverName: string;
  /** Undefined: as the SnapshotMetadataService says. */
  readonly audience: string | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Lets those in whose token is for this service, and who may read the snapshots of the namespace.
 *
 * @throws KxError `KX_GRPC_UNAUTHENTICATED`, `KX_GRPC_PERMISSION_DENIED`; `KX_GRPC_INTERNAL`, `KX_GRPC_UNAVAILABLE` if the API
 * server cannot tell.
 */
export async function authorize({ securityToken, namespace }: Asking, judging: Judging): Promise<void> {
  const { client, log, signal } = judging;
  const audience = judging.audience ?? (await audienceOf(judging));
  const user = await reviewToken(client, securityToken, { audience, signal }).catch((error: unknown) => {
    throw unable("review a token", error);
  });
  if (user === undefined) {
    throw grpcError("UNAUTHENTICATED", `the token is none of this cluster for the audience "${audience}"`, {
      remedy: "ask for a token with this audience",
    });
  }
  const { group, version, plural: resource } = VolumeSnapshot;
  const access = { resourceAttributes: { verb: "get", group, version, resource, namespace } };
  const verdict = await reviewAccess(client, user, access, { signal }).catch((error: unknown) => {
    throw unable("review an access", error);
  });
  if (verdict.isAllowed) return;
  const { username } = user;
  log.warn({ username, namespace, reason: verdict.reason }, "caller may not read the namespace's snapshots");
  throw grpcError("PERMISSION_DENIED", `${username} may not get volumesnapshots in namespace ${namespace}`, {
    remedy: "let a role of the account have that",
  });
}

async function audienceOf({ client, driverName, signal }: Judging): Promise<string> {
  const name = driverName;
  const found = await client.get(SnapshotMetadataService, { name }, { signal }).catch((error: unknown) => {
    throw unable(`read the SnapshotMetadataService ${name}`, error);
  });
  return found.spec.audience;
}

/** UNAVAILABLE where asking again may help; INTERNAL where this service lacks a right, or an object. */
function unable(what: string, cause: unknown): KxError {
  const error = KxError.from(cause);
  const isPassing = error.retryable || error.code.startsWith("KX_TRANSPORT_");
  return grpcError(isPassing ? "UNAVAILABLE" : "INTERNAL", `cannot ${what}: ${error.reason}`, {
    cause,
    retryable: isPassing,
  });
}
