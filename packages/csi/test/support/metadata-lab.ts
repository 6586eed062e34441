import { createServer } from "node:net";
import { ClusterRole, ClusterRoleBinding } from "@kx/controllers/api/rbac-v1";
import { systemClock } from "@kx/core";
import { SnapshotMetadata } from "@kx/core/contracts/snapshot-metadata";
import { createGrpcTlsClient, type GrpcClient } from "@kx/core/grpc";
import { runHost } from "@kx/core/host";
import { createMetrics } from "@kx/core/metrics";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import { connectDriver, csiControllers } from "@kx/csi/controllers";
import type { SnapshotMetadataOptions } from "@kx/csi/snapshot-metadata";
import type { Way } from "./controllers-lab.ts";
import type { CsiLab } from "./csi-lab.ts";

/** A port of this machine that nobody listens at. */
export async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = createServer().listen(0, resolve);
  await promise;
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

/** The snapshot-metadata service of a lab's driver, with the rights that it renders and no others. */
export interface ServedMetadata extends AsyncDisposable {
  readonly address: string;
  readonly log: CollectingLogger;
  /** What its host shows. */
  metrics(): Promise<string>;
  connect(ca: string): GrpcClient<typeof SnapshotMetadata>;
}

/** Starts it in this process, or in front of the driver's socket; `kubeconfig` replaces that of its own account. */
export async function serveMetadataOf(
  lab: CsiLab,
  way: Way,
  user: string,
  options: SnapshotMetadataOptions,
  kubeconfig?: string,
): Promise<ServedMetadata> {
  await using undo = new AsyncDisposableStack();
  const log = collectingLogger();
  const driver = way === "in process" ? lab.driver : undo.use(await connectDriver(lab.endpoint, { log }));
  const port = await freePort();
  const address = `localhost:${port}`;
  const snapshotMetadata = { port, address, host: "127.0.0.1", ...options };
  const extensions = csiControllers(driver, { parts: ["snapshot-metadata"], snapshotMetadata });
  await grant(
    lab,
    user,
    extensions.flatMap((each) => each.manifests({ namespace: "default", image: "" })),
  );
  const host = undo.use(
    await runHost({
      role: "controller",
      extensions,
      log,
      metrics: await createMetrics(),
      health: { port: 0 },
      clock: systemClock,
      kubeconfig: kubeconfig ?? (await lab.cluster.addUser(user)),
    }),
  );
  await host.ready;
  const owned = undo.move();
  return {
    address,
    log,
    metrics: async () => await (await fetch(`${host.healthUrl}/metrics`)).text(),
    connect: (ca) => createGrpcTlsClient(SnapshotMetadata, { address, ca }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function grant(
  { client }: CsiLab,
  user: string,
  objects: readonly { readonly kind: string; readonly metadata: { readonly name?: string } }[],
) {
  const role = objects.find(({ kind }) => kind === "ClusterRole") as ClusterRole | undefined;
  if (role === undefined) throw new Error("no ClusterRole was rendered");
  const name = `${role.metadata.name}:${user}`;
  const named = { ...role, metadata: { name } };
  await client.patch(ClusterRole, named.metadata, named, { type: "apply", force: true });
  const binding = {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  };
  await client.patch(ClusterRoleBinding, binding.metadata, binding, { type: "apply", force: true });
}

type Message = { readonly blockMetadata: readonly { readonly byteOffset: bigint; readonly sizeBytes: bigint }[] };

/** All ranges of a stream, as pairs of offset and size. */
export async function rangesOf(stream: AsyncIterable<Message>): Promise<readonly (readonly [number, number])[]> {
  const found: (readonly [number, number])[] = [];
  for await (const { blockMetadata } of stream) {
    for (const { byteOffset, sizeBytes } of blockMetadata) found.push([Number(byteOffset), Number(sizeBytes)]);
  }
  return found;
}
