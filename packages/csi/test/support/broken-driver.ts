import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { Controller, GroupController, Identity, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import { createGrpcClient, createGrpcServer } from "@kx/core/grpc";
import { collectingLogger } from "@kx/core/testing";

type Fields = Record<string, unknown>;
type Answer = (request: Fields) => Promise<Fields>;

/** Another behaviour, by the calls' names: what a call does in place of the driver, which `next` asks. */
export type Breakage = Readonly<
  Record<
    string,
    (request: Fields, next: Answer, twin: { readonly log: (line: string) => void }) => Fields | Promise<Fields>
  >
>;

/** A driver that does as another one does, but for what it is told to do otherwise. */
export interface BrokenDriver extends AsyncDisposable {
  readonly endpoint: string;
  become(breakage: Breakage): void;
  /** What its breakage has logged. */
  log(): string;
}

/** Puts a socket before a driver's. */
export async function breakDriver(socket: string): Promise<BrokenDriver> {
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-twin-"));
  const path = join(folder, "csi.sock");
  const server = createGrpcServer({ log: collectingLogger() });
  const closers: (() => void)[] = [];
  let breakage: Breakage = {};
  let lines = "";
  const twin = { log: (line: string) => void (lines += `${line}\n`) };

  const forward = (service: DescService): void => {
    const client = createGrpcClient(service, { path: socket });
    closers.push(() => client.close());
    const handlers = service.methods.map(({ localName }) => {
      const next = Reflect.get(client.calls, localName) as Answer;
      const handler: Answer = async (request) =>
        await (breakage[localName] ?? ((given, pass) => pass(given)))(request, next, twin);
      return [localName, handler] as const;
    });
    // Each method has the handler of its own name; those of streams are not called here.
    server.add(service, Object.fromEntries(handlers));
  };
  forward(Identity);
  forward(Controller);
  forward(GroupController);
  forward(SnapshotMetadata);
  forward(Node);
  await server.listen(path);
  return {
    endpoint: `unix://${path}`,
    become: (next) => {
      breakage = next;
    },
    log: () => lines,
    async [Symbol.asyncDispose]() {
      await server.stop({ graceMs: 0 });
      for (const close of closers) close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
