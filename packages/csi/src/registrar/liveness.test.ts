import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Identity } from "@kx/core/contracts/csi";
import { type CallContext, createGrpcServer } from "@kx/core/grpc";
import { collectingLogger } from "@kx/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLiveness } from "./liveness.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-csi-live-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Serves liveness of a driver whose Probe does as told; gives what `/healthz` answers. */
async function ask(
  probe: (request: object, ctx: Pick<CallContext, "callSignal">) => Promise<{ ready?: boolean }>,
  url = "/healthz",
) {
  const log = collectingLogger();
  const socketPath = join(folder, "csi.sock");
  await using driver = createGrpcServer({ log }).add(Identity, { probe });
  await driver.listen(socketPath);
  const stopping = new AbortController();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const liveness = createLiveness({ driverName: "d", socketPath, port: 0, log, timeoutMs: 300 });
  const ended = liveness.start(stopping.signal, resolve);
  await ready;
  const at = String(log.lines.find(({ message }) => message === "serving liveness")?.fields["url"]);
  try {
    const response = await fetch(new URL(url, at));
    return [response.status, (await response.text()).trim()] as const;
  } finally {
    stopping.abort();
    await ended;
    await expect(fetch(at)).rejects.toThrow("fetch failed");
  }
}

describe("liveness", () => {
  it("is what Probe says", async () => {
    expect(await ask(async () => ({ ready: true }))).toEqual([200, "ok"]);
    expect(await ask(async () => ({}))).toEqual([200, "ok"]);
    expect(await ask(async () => ({ ready: false }))).toEqual([503, "the driver is not ready"]);
    const [status, said] = await ask(() => Promise.reject(new Error("no backend")));
    expect(status).toBe(500);
    expect(said).not.toBe("ok");
  });

  it("fails where the driver hangs, and is nowhere else", async () => {
    // It ends when nobody waits for it any more.
    const hung = await ask((_, { callSignal }) => once(callSignal, "abort").then(() => ({ ready: true })));
    expect(hung[0]).toBe(500);
    expect(await ask(async () => ({ ready: true }), "/metrics")).toEqual([404, "not found"]);
  });

  it("tells why it cannot listen", async () => {
    const log = collectingLogger();
    const options = { driverName: "d", socketPath: join(folder, "csi.sock"), log };
    const stopping = new AbortController();
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const first = createLiveness({ ...options, port: 0 }).start(stopping.signal, resolve);
    await ready;
    const port = Number(new URL(String(log.lines[0]?.fields["url"])).port);
    await expect(createLiveness({ ...options, port }).start(stopping.signal, resolve)).rejects.toThrow(
      /KX_CSI_LIVENESS.*EADDRINUSE/,
    );
    stopping.abort();
    await first;
  });
});
