import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { KxError } from "@kx/core";
import { Controller, GroupController, Identity, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import { type ClientInterceptor, createGrpcClient } from "@kx/core/grpc";
import { collectingLogger } from "@kx/core/testing";
import type { Calls } from "../controllers/driver-client.ts";
import type { CsiDriver } from "../driver/csi-driver.ts";
import { socketPathOf } from "../driver/endpoint.ts";
import { startCsiDriver } from "../driver/start-csi-driver.ts";
import { type Capability, readCapabilities } from "./read-capabilities.ts";

/** A driver of this process, which is served for the time of its test, or one behind a socket. */
export type DriverUnderTest =
  | { readonly driver: CsiDriver; readonly endpoint?: undefined }
  | {
      /** `unix:///folder/csi.sock`. */
      readonly endpoint: string;
      readonly driver?: undefined;
      /** All that the driver has logged so far. Default: its log is not looked at. */
      readonly readLog?: () => string | Promise<string>;
    };

/** The calls of a driver's services, as a client has them: a failure is a KxError `KX_GRPC_<STATUS>`. */
export interface DriverCalls {
  readonly identity: Calls<typeof Identity>;
  readonly controller: Calls<typeof Controller>;
  readonly groupController: Calls<typeof GroupController>;
  readonly snapshotMetadata: Calls<typeof SnapshotMetadata>;
  readonly node: Calls<typeof Node>;
}

/** A driver that is served, and what it says of itself. */
export interface TestedDriver extends AsyncDisposable {
  readonly name: string;
  readonly capabilities: ReadonlySet<Capability>;
  readonly calls: DriverCalls;
  /** Absent where the driver's log is not known. */
  readonly readLog?: () => string | Promise<string>;
}

const readyWithinMs = 10_000;

/**
 * Reaches a driver, over a socket in either case. It has to be ready within ten seconds.
 *
 * @param timeoutMs - how long one call may take. Default: 10,000.
 * @throws KxError `KX_CSI_ENDPOINT`, `KX_CSI_TESTING`, and of a driver of this process those of its start.
 */
export async function openDriver(under: DriverUnderTest, timeoutMs = readyWithinMs): Promise<TestedDriver> {
  if (under.driver !== undefined) return await serve(under.driver, timeoutMs);
  const { endpoint, readLog } = under;
  const opened = await connect(socketPathOf(endpoint), timeoutMs, async () => {});
  return readLog === undefined ? opened : { ...opened, readLog };
}

async function serve({ definition }: CsiDriver, timeoutMs: number): Promise<TestedDriver> {
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-"));
  const log = collectingLogger();
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "csi.sock");
    const running = await startCsiDriver(definition, { endpoint: `unix://${path}`, mode: "all", log, isStrict: true });
    await running.ready;
    const opened = await connect(path, timeoutMs, async () => {
      await running.stop();
      await remove();
    });
    return {
      ...opened,
      readLog: () => inspect(log.lines, { depth: null, maxArrayLength: null, maxStringLength: null }),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function connect(path: string, timeoutMs: number, after: () => Promise<void>): Promise<TestedDriver> {
  const bounded: ClientInterceptor = (next) => (request, call) =>
    next(request, { ...call, deadline: call.deadline ?? Date.now() + timeoutMs });
  const each = { path, interceptors: [bounded] };
  const clients = {
    identity: createGrpcClient(Identity, each),
    controller: createGrpcClient(Controller, each),
    groupController: createGrpcClient(GroupController, each),
    snapshotMetadata: createGrpcClient(SnapshotMetadata, each),
    node: createGrpcClient(Node, each),
  };
  const dispose = async (): Promise<void> => {
    for (const client of Object.values(clients)) client.close();
    await after();
  };
  const { identity, controller, groupController, snapshotMetadata, node } = clients;
  const calls: DriverCalls = {
    identity: identity.calls,
    controller: controller.calls,
    groupController: groupController.calls,
    snapshotMetadata: snapshotMetadata.calls,
    node: node.calls,
  };
  try {
    await calls.identity.probe({}, { timeoutMs: Math.min(timeoutMs, readyWithinMs), waitForReady: true });
    const { name } = await calls.identity.getPluginInfo({}, { timeoutMs: readyWithinMs });
    return { name, capabilities: await readCapabilities(calls), calls, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    const { reason } = KxError.from(error);
    throw new KxError("KX_CSI_TESTING", `the driver at ${path} does not tell what it is: ${reason}`, {
      cause: error,
      remedy: "start it, and give its endpoint as it was told it",
    });
  }
}
