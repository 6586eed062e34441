import { type Client, isNotFound } from "@kx/controllers";
import { type Clock, KxError, type Logger } from "@kx/core";
import { installCrds } from "../crds/install-crds.ts";
import { readFiles } from "./files.ts";
import { serviceSpec } from "./objects.ts";
import { SnapshotMetadataService, snapshotMetadataCrd } from "./resources.ts";

/** What the cluster is told. */
export interface Announcement {
  readonly driverName: string;
  readonly address: string;
  readonly audience: string;
  /** Those who sign the certificate, PEM. */
  readonly caFile: string;
  /** How often the file is looked at. */
  readonly reloadMs: number;
}

/** What telling needs. */
export interface Announcing {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What others have changed or deleted meanwhile is set right each time that the file has been looked at so often. */
const looksPerRepeat = 12;
/** How long a new CRD may take to be served. */
const establishMs = 30_000;

/** Keeps the driver's SnapshotMetadataService as it is to be, after its CRD, until the signal aborts. */
export async function keepAnnounced(
  { caFile, reloadMs, ...rest }: Announcement,
  announcing: Announcing,
  signal: AbortSignal,
  announced: () => void,
): Promise<void> {
  const { clock, log, client } = announcing;
  let told: { readonly ca: string; readonly atMs: number } | undefined;
  await installCrds(client, [snapshotMetadataCrd()], { log, signal });
  while (!signal.aborted) {
    const { ca } = await readFiles({ ca: caFile });
    const isWhole = /-----END CERTIFICATE-----\s*$/.test(ca);
    if (told === undefined && !isWhole) {
      throw new KxError("KX_CSI_METADATA", `${caFile} holds no certificate`, { remedy: "give a file of PEM" });
    }
    // Half a file is one that is being written.
    if (isWhole && (ca !== told?.ca || clock.now() - told.atMs >= looksPerRepeat * reloadMs)) {
      await announce({ ...rest, ca }, announcing, signal);
      if (ca !== told?.ca) log.info({ driver: rest.driverName, ...rest }, "snapshot-metadata service announced");
      told = { ca, atMs: clock.now() };
      announced();
    }
    await clock.sleep(reloadMs, signal).catch(() => undefined);
  }
}

async function announce(
  { driverName, address, audience, ca }: Omit<Announcement, "caFile" | "reloadMs"> & { readonly ca: string },
  { client, clock }: Announcing,
  signal: AbortSignal,
): Promise<void> {
  const metadata = { name: driverName };
  const spec = serviceSpec(address, audience, ca);
  const endMs = clock.now() + establishMs;
  for (;;) {
    try {
      const options = { type: "apply", force: true, signal } as const;
      await client.patch(SnapshotMetadataService, metadata, { metadata, spec }, options);
      return;
    } catch (error) {
      if (!isNotFound(error) || clock.now() > endMs) throw error;
      await clock.sleep(200, signal);
    }
  }
}
