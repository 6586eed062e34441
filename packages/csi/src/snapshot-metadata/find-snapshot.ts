import { type Client, isNotFound, type ObjectLike, type ObjectRef, type Resource, type Stored } from "@kx/controllers";
import { KxError } from "@kx/core";
import { grpcError } from "@kx/core/grpc";
import { readSecret, snapshotterSecretOf } from "../controllers/secrets.ts";
import { defaultClasses } from "../snapshot-controller/classes.ts";
import { annotations } from "../snapshot-controller/names.ts";
import {
  type SnapshotClass,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "../snapshot-controller/resources.ts";

/** A snapshot as its driver knows it. */
export interface FoundSnapshot {
  readonly handle: string;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Where to look. */
export interface Looking {
  readonly client: Client;
  readonly driverName: string;
  readonly signal: AbortSignal;
}

/**
 * The snapshot behind a VolumeSnapshot, with the secrets that its class gives the driver for it.
 *
 * @throws KxError `KX_GRPC_NOT_FOUND`, `KX_GRPC_INVALID_ARGUMENT` if it is of another driver, `KX_GRPC_UNAVAILABLE` if it is not
 * ready yet, or cannot be read.
 */
export async function findSnapshot(ref: ObjectRef, looking: Looking): Promise<FoundSnapshot> {
  const snapshot = await read(VolumeSnapshot, ref, looking, "NOT_FOUND");
  const { readyToUse, boundVolumeSnapshotContentName: contentName } = snapshot.status ?? {};
  if (readyToUse !== true || contentName === undefined) throw notReady(snapshot, "it is not ready to use");
  const content = await read(VolumeSnapshotContent, { name: contentName }, looking, "UNAVAILABLE");
  // A status may be written by others than the snapshot controller; the content says whose it is.
  const { uid, name, namespace } = content.spec.volumeSnapshotRef;
  const isBound = name === ref.name && namespace === ref.namespace && uid === snapshot.metadata.uid;
  if (!isBound) throw notReady(snapshot, `its content ${contentName} is not bound to it`);
  if (content.spec.driver !== looking.driverName) {
    throw grpcError("INVALID_ARGUMENT", `${nameOf(snapshot)} is of the driver ${content.spec.driver}`, {
      remedy: `ask the service that the SnapshotMetadataService ${content.spec.driver} tells`,
    });
  }
  const handle = content.status?.snapshotHandle;
  if (content.status?.readyToUse !== true || handle === undefined) {
    throw notReady(snapshot, `its content ${contentName} is not ready to use`);
  }
  return { handle, secrets: await secretsOf(snapshot, contentName, looking) };
}

async function secretsOf(snapshot: Stored<VolumeSnapshot>, contentName: string, looking: Looking) {
  const snapshotClass = await classOf(snapshot, looking);
  try {
    const ref = snapshotterSecretOf(snapshotClass?.parameters ?? {}, contentName, snapshot.metadata);
    return await readSecret(looking.client, ref, looking.signal);
  } catch (error) {
    throw unavailable(`the secret for ${nameOf(snapshot)}`, error);
  }
}

/** The class that it names, else the driver's default one. Snapshots of groups and those that existed before may have none. */
async function classOf(snapshot: Stored<VolumeSnapshot>, looking: Looking): Promise<SnapshotClass | undefined> {
  const name = snapshot.spec.volumeSnapshotClassName;
  if (name !== undefined) return await read(VolumeSnapshotClass, { name }, looking, "UNAVAILABLE");
  const { client, driverName, signal } = looking;
  const { items } = await client.list(VolumeSnapshotClass, { signal }).catch((error: unknown) => {
    throw unavailable("the VolumeSnapshotClasses", error);
  });
  const [first, ...others] = defaultClasses(items, driverName, annotations.defaultClass);
  if (others.length === 0) return first;
  throw grpcError("UNAVAILABLE", `${nameOf(snapshot)} has no class, and ${driverName} several default ones`);
}

async function read<T extends ObjectLike>(
  resource: Resource<T>,
  ref: ObjectRef,
  { client, signal }: Looking,
  missing: "NOT_FOUND" | "UNAVAILABLE",
): Promise<Stored<T>> {
  const { namespace, name } = ref;
  const what = `${resource.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
  return await client.get(resource, ref, { signal }).catch((error: unknown) => {
    if (!isNotFound(error)) throw unavailable(what, error);
    throw grpcError(missing, `there is no ${what}`, { cause: error });
  });
}

function nameOf({ metadata: { namespace, name } }: Stored<VolumeSnapshot>): string {
  return `VolumeSnapshot ${namespace}/${name}`;
}

function notReady(snapshot: Stored<VolumeSnapshot>, why: string): KxError {
  return grpcError("UNAVAILABLE", `${nameOf(snapshot)} cannot be asked about: ${why}`, { retryable: true });
}

function unavailable(what: string, cause: unknown): KxError {
  const { reason } = KxError.from(cause);
  return grpcError("UNAVAILABLE", `${what} cannot be read: ${reason}`, { cause, retryable: true });
}
