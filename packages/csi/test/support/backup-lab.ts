import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceAccount } from "@kx/controllers/api/core-v1";
import { Role, RoleBinding } from "@kx/controllers/api/rbac-v1";
import { eventually, testNamespace } from "@kx/controllers/testing";
import type { CsiDriver } from "@kx/csi";
import { csiControllers } from "@kx/csi/controllers";
import {
  snapshotController,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "@kx/csi/snapshot-controller";
import { serviceAccountToken } from "@kx/csi/snapshot-metadata";
import { type TestAuthority, testAuthority } from "./certificates.ts";
import { type CsiLab, startCsiLab } from "./csi-lab.ts";

const mebibyte = 1024 ** 2;

/** What the claim `data` had when the snapshot `base` was taken: offsets and sizes. */
export const written = [
  [0, 4096],
  [3 * mebibyte, 8192],
] as const;
/** What has changed till `target`. */
export const changed = [
  [mebibyte, 4096],
  [8 * mebibyte - 4096, 4096],
] as const;

/** A lab with two snapshots of a block volume, those who may back it up and those who may not, and certificates to serve with. */
export interface BackupLab extends AsyncDisposable {
  readonly lab: CsiLab;
  readonly authority: TestAuthority;
  /** PEM. */
  readonly ca: string;
  readonly namespace: string;
  /** The driver's own name of the snapshot `base`. */
  readonly baseHandle: string;
  /** A token of the account `backup`, which may get the namespace's snapshots, or of `nobody`. */
  tokenOf(account: "backup" | "nobody", audience: string): Promise<string>;
}

/** A folder that goes with its test. */
export async function testFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "kx-csi-metadata-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Starts it; the snapshots are of the class `plain`. */
export async function startBackupLab(driver: (stateDir: string) => CsiDriver): Promise<BackupLab> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await testFolder());
  const authority = await testAuthority(folder.path);
  await authority.issue("first");
  const lab = undo.use(
    await startCsiLab({
      driver,
      extensions: (each) => [
        snapshotController({ groups: false }),
        ...csiControllers(each, { parts: ["snapshotter"] }),
      ],
    }),
  );
  const { name } = lab.driver;
  await eventually(
    () =>
      lab.client.create(VolumeSnapshotClass, {
        metadata: { name: "plain" },
        driver: name,
        deletionPolicy: "Delete",
      }),
    { describe: "the CRDs" },
  );
  const { name: namespace } = undo.use(await testNamespace(lab.client));
  const { handle } = await lab.claim(namespace, "data", { block: true });
  for (const [offset, length] of written) await writeTo(lab, handle, offset, length);
  const baseHandle = await takeSnapshot(lab, { namespace, name: "base" }, "data", "plain");
  for (const [offset, length] of changed) await writeTo(lab, handle, offset, length);
  await takeSnapshot(lab, { namespace, name: "target" }, "data", "plain");
  await makeAccount(lab, namespace, "backup", ["volumesnapshots", "volumesnapshotcontents"]);
  await makeAccount(lab, namespace, "nobody", ["volumesnapshotcontents"]);
  const ca = await readFile(authority.caFile, "utf8");
  const owned = undo.move();
  return {
    lab,
    authority,
    ca,
    namespace,
    baseHandle,
    tokenOf: (account, audience) => serviceAccountToken(lab.client, { namespace, name: account })(audience),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** An account that may get these of the snapshot API in its namespace. */
async function makeAccount({ client }: CsiLab, namespace: string, name: string, resources: string[]) {
  const metadata = { namespace, name };
  await client.create(ServiceAccount, { metadata });
  await client.create(Role, {
    metadata,
    rules: [{ apiGroups: ["snapshot.storage.k8s.io"], resources, verbs: ["get"] }],
  });
  await client.create(RoleBinding, {
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", ...metadata }],
  });
}

/** Writes bytes that are not zero into a volume's image, as its user would. */
async function writeTo(lab: CsiLab, volume: string, offset: number, length: number): Promise<void> {
  await using image = await open(join(lab.stateDir, "volumes", volume), "r+");
  await image.write(Buffer.alloc(length, "x"), 0, length, offset);
  await image.sync();
}

/** Takes a snapshot of a claim, waits until it is ready, and gives the driver's name of it. */
export async function takeSnapshot(
  { client }: CsiLab,
  ref: { readonly namespace: string; readonly name: string },
  claim: string,
  className: string,
): Promise<string> {
  await client.create(VolumeSnapshot, {
    metadata: ref,
    spec: { source: { persistentVolumeClaimName: claim }, volumeSnapshotClassName: className },
  });
  const snapshot = await eventually(
    async () => {
      const found = await client.get(VolumeSnapshot, ref);
      if (found.status?.readyToUse !== true) throw new Error(JSON.stringify(found));
      return found;
    },
    { describe: `snapshot ${ref.name} to be ready` },
  );
  const name = snapshot.status?.boundVolumeSnapshotContentName ?? "";
  const { status } = await client.get(VolumeSnapshotContent, { name });
  return status?.snapshotHandle ?? "";
}
