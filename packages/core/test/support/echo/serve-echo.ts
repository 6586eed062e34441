import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createGrpcClient,
  createGrpcServer,
  type GrpcClient,
  type GrpcClientOptions,
  type GrpcServer,
  type GrpcServerOptions,
  type MethodHandlers,
} from "../../../src/grpc/index.ts";
import { type CollectingLogger, collectingLogger } from "../../../src/testing/index.ts";
import { Echo } from "./gen/echo_pb.ts";

/** A server of Echo and a client of it, in a folder of their own. */
export interface EchoPair extends AsyncDisposable {
  readonly path: string;
  readonly log: CollectingLogger;
  readonly server: GrpcServer;
  readonly client: GrpcClient<typeof Echo>;
}

/** Starts the pair; disposing of it stops both and removes the folder. */
export async function serveEcho(
  handlers: MethodHandlers<typeof Echo>,
  options: Partial<GrpcServerOptions> & { readonly client?: Partial<GrpcClientOptions> } = {},
): Promise<EchoPair> {
  const folder = mkdtempSync(join(tmpdir(), "kx-echo-"));
  const path = join(folder, "echo.sock");
  const log = collectingLogger();
  const server = createGrpcServer({ log, ...options }).add(Echo, handlers);
  await server.listen(path);
  const client = createGrpcClient(Echo, { path, ...options.client });
  return {
    path,
    log,
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.stop({ graceMs: 0 });
      rmSync(folder, { recursive: true });
    },
  };
}

/** Resolves when `condition` holds; rejects with `what` if that takes longer than 10 s. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
