import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kx/core";
import { Identity } from "@kx/core/contracts/csi";
import { Registration } from "@kx/core/contracts/plugin-registration";
import { createGrpcClient } from "@kx/core/grpc";
import { runHost } from "@kx/core/host";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { defineCsiDriver } from "./define-csi-driver.ts";
import { socketPathOf } from "./endpoint.ts";
import { runCsiDriver } from "./run-csi-driver.ts";

const driver = defineCsiDriver({ name: "run.csi.kx.dev", nodeGetInfo: async () => ({ nodeId: "n" }) });

describe("socketPathOf", () => {
  it.each([
    ["unix:///run/csi.sock", "/run/csi.sock"],
    ["unix:/run/csi.sock", "/run/csi.sock"],
  ])("takes %s", (endpoint, path) => {
    expect(socketPathOf(endpoint)).toBe(path);
  });

  it.each(["", "/run/csi.sock", "tcp://127.0.0.1:1", "unix://csi.sock", "unix:///run/csi", "unix:csi.sock"])(
    "refuses %j",
    (endpoint) => {
      expect(() => socketPathOf(endpoint)).toThrow("KX_CSI_ENDPOINT");
    },
  );
});

describe("runCsiDriver", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "kx-csi-run-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("serves at CSI_ENDPOINT, logs to standard error, and ends with its signal", async () => {
    const path = join(folder, "env.sock");
    const lines: string[] = [];
    const controller = new AbortController();
    const running = await runCsiDriver(driver, {
      signal: controller.signal,
      io: { env: { CSI_ENDPOINT: `unix://${path}` }, stderr: { write: (line) => void lines.push(line) } },
    });
    await running.ready;
    await using client = createGrpcClient(Identity, { path });
    expect((await client.calls.probe({})).ready).toBe(true);
    expect((await client.calls.getPluginInfo({})).name).toBe("run.csi.kx.dev");
    await vi.waitFor(() => expect(lines.join("")).toContain("driver ready"), { timeout: 20_000 });
    client.close();
    controller.abort();
    await vi.waitFor(() => expect(existsSync(path)).toBe(false), { timeout: 20_000 });
    expect(await running.stop()).toEqual({ unfinished: [] });
  });

  it("listens again when its socket is gone", async () => {
    const path = join(folder, "lost.sock");
    const log = collectingLogger();
    await using running = await runCsiDriver(driver, { endpoint: `unix://${path}`, log });
    await running.ready;
    await rm(path);
    await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 20_000 });
    await using client = createGrpcClient(Identity, { path });
    expect((await client.calls.probe({})).ready).toBe(true);
    client.close();
    await running.stop();
    expect(existsSync(path)).toBe(false);
  });

  it("registers with the kubelet once it is ready, serves liveness, and starts the registrar again when refused", async () => {
    const endpoint = `unix://${join(folder, "reg.sock")}`;
    const log = collectingLogger();
    const { promise: backend, resolve } = Promise.withResolvers<void>();
    const late = defineCsiDriver({ ...driver.definition, init: () => backend });
    const companions = { embed: ["registrar"], kubeletDir: folder, livenessPort: 0 } as const;
    await using running = await runCsiDriver(late, { endpoint, log, ...companions });
    const path = join(folder, "plugins_registry/run.csi.kx.dev-reg.sock");
    expect(existsSync(path)).toBe(false);
    resolve();
    await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 20_000 });
    await using kubelet = createGrpcClient(Registration, { path });
    await kubelet.calls.notifyRegistrationStatus({ pluginRegistered: false, error: "no" });
    await vi.waitFor(async () => expect(existsSync(path)).toBe(false), { timeout: 20_000, interval: 5 });
    await vi.waitFor(async () => expect(await kubelet.calls.getInfo({})).toMatchObject({ name: "run.csi.kx.dev" }), {
      timeout: 20_000,
    });
    const url = String(log.lines.find(({ message }) => message === "serving liveness")?.fields["url"]);
    expect((await fetch(url)).status).toBe(200);
    kubelet.close();
    await running.stop();
    expect(existsSync(path)).toBe(false);
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  it("watches the process's signals only as long as it runs", async () => {
    const before = process.listenerCount("SIGTERM");
    const endpoint = `unix://${join(folder, "signals.sock")}`;
    await expect(runCsiDriver(driver, { endpoint: "nowhere" })).rejects.toThrow("KX_CSI_ENDPOINT");
    expect(process.listenerCount("SIGTERM")).toBe(before);
    const running = await runCsiDriver(driver, { endpoint, log: collectingLogger() });
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    await running.ready;
    await running.stop();
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  it("is run by a host as an extension, ready when its init is done, tried again when that fails", async () => {
    const path = join(folder, "hosted.sock");
    let tries = 0;
    const extension = defineCsiDriver({
      name: "hosted.csi.kx.dev",
      endpoints: { node: `unix://${path}` },
      kubeletDir: folder,
      async init() {
        tries++;
        if (tries === 1) throw new Error("no backend yet");
      },
      nodeGetInfo: async () => ({ nodeId: "n" }),
    });
    const log = collectingLogger();
    const backoff = { baseMs: 1, maxMs: 10 };
    await using host = await runHost({ role: "node", extensions: [extension], log, clock: systemClock, backoff });
    await host.ready;
    expect(tries).toBe(2);
    await using client = createGrpcClient(Identity, { path });
    expect((await client.calls.probe({})).ready).toBe(true);
    client.close();
    await using kubelet = createGrpcClient(Registration, {
      path: join(folder, "plugins_registry/hosted.csi.kx.dev-reg.sock"),
    });
    expect(await kubelet.calls.getInfo({})).toMatchObject({ name: "hosted.csi.kx.dev", endpoint: path });
    kubelet.close();
    expect(await host.stop()).toEqual({ unstopped: [] });
    expect(existsSync(path)).toBe(false);
  });
});
