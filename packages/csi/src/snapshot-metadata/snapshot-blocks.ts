import { type Client, isNotFound, type ObjectRef } from "@kx/controllers";
import { type Clock, KxError, systemClock } from "@kx/core";
import { SnapshotMetadata } from "@kx/core/contracts/snapshot-metadata";
import { createGrpcTlsClient, type GrpcClient } from "@kx/core/grpc";
import { VolumeSnapshot, VolumeSnapshotContent } from "../snapshot-controller/resources.ts";
import type { BlockRange, MetadataMessage } from "./pages.ts";
import { SnapshotMetadataService } from "./resources.ts";

/** How a backup program reaches the snapshot-metadata service of a driver. */
export interface SnapshotBlocksOptions {
  /** Name of the CSI driver. */
  readonly driver: string;
  /** Gives a token for an audience; asked before each call. See `serviceAccountToken`. */
  readonly token: (audience: string) => Promise<string>;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** What of a snapshot is read. */
export interface ReadBlocksOptions {
  /** Default: from the beginning. */
  readonly startingOffset?: bigint;
  /** Ranges a page at most. Default: as the driver likes. */
  readonly maxResults?: number;
  readonly signal?: AbortSignal;
}

/** Some of the ranges that have to be read, in ascending order. */
export interface BlockPage {
  readonly volumeCapacityBytes: bigint;
  readonly ranges: readonly BlockRange[];
}

/** Which blocks of snapshots a backup has to read. */
export interface SnapshotBlocks {
  /** Those that hold data. */
  allocated(snapshot: ObjectRef, options?: ReadBlocksOptions): AsyncGenerator<BlockPage, void>;
  /** Those in which a snapshot differs from an earlier one, which is a VolumeSnapshot or the driver's own name of what was one. */
  changed(
    base: ObjectRef | { readonly handle: string },
    target: ObjectRef,
    options?: ReadBlocksOptions,
  ): AsyncGenerator<BlockPage, void>;
}

/** How often a call is made again that got nowhere. */
const maxFailures = 5;

/**
 * Finds the service by the driver's SnapshotMetadataService, and goes on where it was when a call breaks off, as it does after ten
 * minutes.
 */
export function snapshotBlocks(client: Client, options: SnapshotBlocksOptions): SnapshotBlocks {
  return {
    allocated({ namespace = "", name: snapshotName }, read = {}) {
      return resumed(options, read, (startingOffset) =>
        called(client, options, ({ calls }, securityToken) =>
          calls.getMetadataAllocated(
            { securityToken, namespace, snapshotName, startingOffset, maxResults: read.maxResults ?? 0 },
            signalOf(read),
          ),
        ),
      );
    },
    async *changed(base, { namespace = "", name: targetSnapshotName }, read = {}) {
      const baseSnapshotId = "handle" in base ? base.handle : await handleOf(client, base, read);
      yield* resumed(options, read, (startingOffset) =>
        called(client, options, ({ calls }, securityToken) =>
          calls.getMetadataDelta(
            {
              securityToken,
              namespace,
              baseSnapshotId,
              targetSnapshotName,
              startingOffset,
              maxResults: read.maxResults ?? 0,
            },
            signalOf(read),
          ),
        ),
      );
    },
  };
}

/** Asks the API server for tokens of a service account (TokenRequest), each for ten minutes. */
export function serviceAccountToken(
  client: Client,
  { namespace = "default", name }: ObjectRef,
): SnapshotBlocksOptions["token"] {
  return async (audience) => {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`;
    const { status } = (await client.raw("POST", path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: [audience], expirationSeconds: 600 },
    })) as { readonly status: { readonly token: string } };
    return status.token;
  };
}

type Service = GrpcClient<typeof SnapshotMetadata>;

/** One call. Address, authority and token are asked for anew, as they change. */
async function* called(
  client: Client,
  { driver, token }: SnapshotBlocksOptions,
  call: (service: Service, securityToken: string) => AsyncIterable<MetadataMessage>,
): AsyncGenerator<MetadataMessage, void> {
  const { spec } = await client.get(SnapshotMetadataService, { name: driver }).catch((cause: unknown) => {
    if (!isNotFound(cause)) throw cause;
    throw new KxError("KX_CSI_METADATA", `there is no SnapshotMetadataService ${driver}`, {
      cause,
      remedy: "check the driver's name, and that its snapshot-metadata service is deployed",
    });
  });
  const ca = Buffer.from(spec.caCert, "base64").toString("utf8");
  await using service = createGrpcTlsClient(SnapshotMetadata, { address: spec.address, ca });
  yield* call(service, await token(spec.audience));
}

async function* resumed(
  { clock = systemClock }: SnapshotBlocksOptions,
  { startingOffset = 0n, signal }: ReadBlocksOptions,
  begin: (startingOffset: bigint) => AsyncIterable<MetadataMessage>,
): AsyncGenerator<BlockPage, void> {
  let offset = startingOffset;
  for (let failures = 0; ; ) {
    try {
      for await (const { volumeCapacityBytes, blockMetadata } of begin(offset)) {
        const last = blockMetadata.at(-1);
        if (last !== undefined) offset = last.byteOffset + last.sizeBytes;
        failures = 0;
        yield {
          volumeCapacityBytes,
          ranges: blockMetadata.map(({ byteOffset, sizeBytes }) => ({ byteOffset, sizeBytes })),
        };
      }
      return;
    } catch (error) {
      failures += 1;
      if (!isPassing(error) || failures > maxFailures) throw error;
      await clock.sleep(500 * failures, signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  return KxError.is(error) && ["KX_GRPC_UNAVAILABLE", "KX_GRPC_DEADLINE_EXCEEDED"].includes(error.code);
}

function signalOf({ signal }: ReadBlocksOptions): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function handleOf(client: Client, ref: ObjectRef, read: ReadBlocksOptions): Promise<string> {
  const { status } = await client.get(VolumeSnapshot, ref, signalOf(read));
  const name = status?.boundVolumeSnapshotContentName;
  const content = name === undefined ? undefined : await client.get(VolumeSnapshotContent, { name }, signalOf(read));
  const handle = content?.status?.snapshotHandle;
  if (handle !== undefined) return handle;
  throw new KxError("KX_CSI_METADATA", `VolumeSnapshot ${ref.namespace}/${ref.name} has not been taken yet`, {
    retryable: true,
    remedy: "wait until it is ready to use",
  });
}
