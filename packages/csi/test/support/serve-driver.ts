import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@kx/core";
import { Controller, GroupController, Identity, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import { createGrpcClient, type GrpcClient } from "@kx/core/grpc";
import type { Metrics } from "@kx/core/metrics";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import type { CsiMode } from "../../src/driver/capabilities.ts";
import type { CsiDriver } from "../../src/driver/csi-driver.ts";
import type { Mount } from "../../src/driver/publish-table.ts";
import { type RunningCsiDriver, startCsiDriver } from "../../src/driver/start-csi-driver.ts";

/** How a driver is served for a test. */
export interface ServeOptions {
  readonly mode?: CsiMode;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly isStrict?: boolean;
  /** Does not wait until the driver is ready. */
  readonly isEarly?: boolean;
  /** What the kernel is said to have mounted. Default: nothing. */
  readonly mounts?: () => readonly Mount[];
}

/** A driver behind a real socket, with a client of each service. */
export interface ServedDriver extends AsyncDisposable {
  readonly running: RunningCsiDriver;
  readonly log: CollectingLogger;
  readonly path: string;
  readonly identity: GrpcClient<typeof Identity>["calls"];
  readonly controller: GrpcClient<typeof Controller>["calls"];
  readonly groups: GrpcClient<typeof GroupController>["calls"];
  readonly metadata: GrpcClient<typeof SnapshotMetadata>["calls"];
  readonly node: GrpcClient<typeof Node>["calls"];
}

/** Serves a driver in a folder of its own; both are gone when it is disposed of. */
export async function serveDriver(driver: CsiDriver, options: ServeOptions = {}): Promise<ServedDriver> {
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-"));
  const path = join(folder, "csi.sock");
  const log = collectingLogger();
  const { mode = "all", isStrict = true, mounts = () => [], isEarly = false, ...rest } = options;
  const running = await startCsiDriver(driver.definition, {
    endpoint: `unix://${path}`,
    mode,
    log,
    isStrict,
    readMounts: async () => mounts(),
    ...rest,
  });
  if (!isEarly) await running.ready;
  const clients = {
    identity: createGrpcClient(Identity, { path }),
    controller: createGrpcClient(Controller, { path }),
    groups: createGrpcClient(GroupController, { path }),
    metadata: createGrpcClient(SnapshotMetadata, { path }),
    node: createGrpcClient(Node, { path }),
  };
  return {
    running,
    log,
    path,
    identity: clients.identity.calls,
    controller: clients.controller.calls,
    groups: clients.groups.calls,
    metadata: clients.metadata.calls,
    node: clients.node.calls,
    async [Symbol.asyncDispose]() {
      for (const client of Object.values(clients)) client.close();
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The status of a call that fails, such as `NOT_FOUND`; `OK` if it does not. */
export async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return code.replace("KX_GRPC_", "");
  }
}
