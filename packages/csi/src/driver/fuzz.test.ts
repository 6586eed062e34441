import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { Controller, GroupController, Identity, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import { createGrpcClient, grpcError } from "@kx/core/grpc";
import { createLogger } from "@kx/core/log";
import { expect, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { type Random, randomOf, randomRequest } from "../../test/support/random-request.ts";
import type { CsiContext } from "./csi-context.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { csiError } from "./csi-error.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";
import { handlerNames } from "./handler-names.ts";
import { startCsiDriver } from "./start-csi-driver.ts";

const requests = 10_000;
const atOnce = 32;
const seed = Number(process.env["KX_FUZZ_SEED"] ?? 20_261_125);

/** What a driver may say, and UNIMPLEMENTED is not among it: every call has a handler. */
const proper = new Set([
  "OK",
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "RESOURCE_EXHAUSTED",
  "INTERNAL",
  "UNAVAILABLE",
]);

it(`answers ${requests} odd requests with a proper status each, and shows no secret (KX_FUZZ_SEED=${seed})`, {
  timeout: 300_000,
}, async () => {
  const random = randomOf(seed);
  const secrets: string[] = [];
  const secret = () => {
    const text = `s3cr3t-${secrets.length}-${random(2 ** 31).toString(36)}x`;
    secrets.push(text);
    return text;
  };
  const lines: string[] = [];
  const log = createLogger({ level: "debug", stream: { write: (line) => void lines.push(line) } });
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-fuzz-"));
  const path = join(folder, "csi.sock");
  const driver = await startCsiDriver(leakyDriver(random), {
    endpoint: `unix://${path}`,
    mode: "all",
    log,
    readMounts: async () => [],
  });
  const clients = [Controller, GroupController, SnapshotMetadata, Node, Identity].map((service: DescService) => ({
    service,
    client: createGrpcClient(service, { path }),
  }));
  const statuses = new Map<string, number>();
  const texts: string[] = [];
  const one = async (): Promise<void> => {
    const { service, client } = clients[random(clients.length)] ?? clients[0]!;
    const method = service.methods[random(service.methods.length)]!;
    const request = randomRequest(method.input, { random, oneIn: 12, secret });
    const { status, text } = await outcome(client.calls, method, request);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    texts.push(text);
    if (status !== "OK") expect(text, `${method.name} failed with ${status}`).toMatch(/\w/);
  };
  try {
    await driver.ready;
    let left = requests;
    const workers = Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await one();
    });
    await Promise.all(workers);
  } finally {
    for (const { client } of clients) client.close();
    await driver.stop();
    await rm(folder, { recursive: true, force: true });
  }
  console.log("seed", seed, "secrets", secrets.length, Object.fromEntries(statuses));
  expect([...statuses.keys()].filter((status) => !proper.has(status))).toEqual([]);
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(requests);
  // Enough gets through for the rules behind validation to be met.
  expect(statuses.get("OK")).toBeGreaterThan(requests / 20);
  expect(lines.length).toBeGreaterThan(requests);
  expect(leaked(secrets, [...lines, ...texts])).toEqual([]);
  // The search finds what there is.
  log.info({ note: secrets.at(-1) }, "a planted leak");
  expect(leaked(secrets, lines)).toEqual([secrets.at(-1)]);
});

async function outcome(
  calls: object,
  method: DescMethod,
  request: Message,
): Promise<{ readonly status: string; readonly text: string }> {
  const call: unknown = Reflect.get(calls, method.localName);
  if (typeof call !== "function") throw new Error(`no call ${method.localName}`);
  try {
    const answer: unknown = await call(request, { timeoutMs: 60_000 });
    if (method.methodKind === "server_streaming") {
      for await (const _ of answer as AsyncIterable<unknown>);
    }
    return { status: "OK", text: "" };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "no status";
    return { status: code.replace("KX_GRPC_", ""), text: String(error) };
  }
}

function leaked(secrets: readonly string[], texts: readonly string[]): readonly string[] {
  const all = texts.join("\n");
  // Each of them once: the texts are long, and secrets many.
  const seen = new Set(all.match(/s3cr3t-\d+-\w+x/g));
  return secrets.filter((text) => seen.has(text));
}

/** A driver that tells its secrets in everything that it throws. */
function leakyDriver(random: Random): CsiDriverDefinition {
  const definition: Record<string, unknown> = {
    name: "fuzz.csi.kx.dev",
    state: memoryState(),
    features: { clone: true, publishReadonly: true, volumeCondition: true, accessTypes: ["mount", "block"] },
  };
  for (const name of handlerNames) {
    definition[name] = async (request: object, ctx: CsiContext) => {
      leak(request, random);
      ctx.log.info({ request: "volumeId" in request ? request.volumeId : "" }, "handled");
      return answers[name]?.(request) ?? {};
    };
  }
  for (const name of ["getMetadataAllocated", "getMetadataDelta"]) {
    definition[name] = async function* (request: object) {
      leak(request, random);
      yield { blockMetadataType: 1, volumeCapacityBytes: 10n, blockMetadata: [{ byteOffset: 0n, sizeBytes: 1n }] };
    };
  }
  // The loop gives each name its handler.
  return defineCsiDriver(definition as unknown as CsiDriverDefinition).definition;
}

interface Asked {
  readonly name?: string;
  readonly volumeId?: string;
  readonly sourceVolumeId?: string;
  readonly capacityRange?: { readonly requiredBytes: bigint };
}

const creationTime = { seconds: 1n, nanos: 0 };
const answers: Readonly<Record<string, (request: Asked) => object>> = {
  createVolume: ({ name, capacityRange }) => ({
    volume: { volumeId: `id-${name}`, capacityBytes: capacityRange?.requiredBytes ?? 0n },
  }),
  createSnapshot: ({ name, sourceVolumeId }) => ({
    snapshot: { snapshotId: `${name}`, sourceVolumeId, creationTime, readyToUse: true },
  }),
  controllerExpandVolume: ({ capacityRange }) => ({ capacityBytes: capacityRange?.requiredBytes ?? 0n }),
  controllerGetVolume: ({ volumeId }) => ({ volume: { volumeId }, status: {} }),
  controllerGetVolumeHealth: ({ volumeId }) => ({ volumeHealth: { volumeId } }),
  nodeGetVolumeHealth: ({ volumeId }) => ({ volumeHealth: { volumeId } }),
  listVolumes: () => ({ entries: [{ volume: { volumeId: "id-volume-1" }, status: {} }] }),
  nodeGetInfo: () => ({ nodeId: "n" }),
};

function leak(request: object, random: Random): void {
  const { secrets = {}, volumeContext = {} } = request as Readonly<Record<string, Readonly<Record<string, string>>>>;
  const told = `${Object.values(secrets).join(" and ")} ${Object.values(volumeContext).join(" ")}`;
  switch (random(8)) {
    case 0:
      throw new Error(`no login with ${told}`, { cause: new Error(`again: ${told}`) });
    case 1:
      throw csiError("EXHAUSTED", `no room for ${told}`, { details: { told }, remedy: `ask ${told}` });
    case 2:
      throw grpcError("UNAVAILABLE", `no answer to ${told}`, { cause: told });
    default:
  }
}
