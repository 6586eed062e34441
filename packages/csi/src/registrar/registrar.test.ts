import { lstat, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KxError, systemClock } from "@kx/core";
import { Registration } from "@kx/core/contracts/plugin-registration";
import { createGrpcClient } from "@kx/core/grpc";
import { collectingLogger, fakeClock } from "@kx/core/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createRegistrar } from "./registrar.ts";

const driverName = "reg.csi.kx.dev";
const patience = { timeout: 20_000 };

let kubeletDir = "";
let path = "";
beforeEach(async () => {
  kubeletDir = await mkdtemp(join(tmpdir(), "kx-csi-reg-"));
  path = join(kubeletDir, "plugins_registry", `${driverName}-reg.sock`);
});
afterEach(() => rm(kubeletDir, { recursive: true }));

/** Runs a registrar until it is stopped. */
async function start(clock = systemClock) {
  const log = collectingLogger();
  const stopping = new AbortController();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const registrar = createRegistrar({ driverName, socketPath: "/k/csi.sock", kubeletDir, log, clock });
  const ended = registrar.start(stopping.signal, resolve).then(
    () => undefined,
    (error: unknown) => KxError.from(error),
  );
  await Promise.race([ready, ended]);
  return {
    log,
    ended,
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

const isThere = () =>
  lstat(path).then(
    () => true,
    () => false,
  );

describe("the registrar", () => {
  it("tells the kubelet of the driver at a socket that others cannot use, and is gone when it stops", async () => {
    const registrar = await start();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await using kubelet = createGrpcClient(Registration, { path });
    expect(await kubelet.calls.getInfo({})).toMatchObject({
      type: "CSIPlugin",
      name: driverName,
      endpoint: "/k/csi.sock",
      supportedVersions: ["1.0.0"],
    });
    await kubelet.calls.notifyRegistrationStatus({ pluginRegistered: true });
    expect(registrar.log.lines.map(({ message }) => message)).toContain("driver registered with the kubelet");
    kubelet.close();
    expect(await registrar.stop()).toBeUndefined();
    expect(await isThere()).toBe(false);
  });

  it("fails with the kubelet's words when it is refused, so that a new socket makes the kubelet try again", async () => {
    const registrar = await start();
    await using kubelet = createGrpcClient(Registration, { path });
    await kubelet.calls.notifyRegistrationStatus({ pluginRegistered: false, error: "no topology key" });
    kubelet.close();
    const failure = await registrar.ended;
    expect(failure).toMatchObject({ code: "KX_CSI_REGISTRATION", retryable: true });
    expect(failure?.message).toContain(`refused the driver "${driverName}": no topology key`);
    expect(await isThere()).toBe(false);
    expect(await (await start()).stop()).toBeUndefined();
  });

  it("registers again when the kubelet's folder was made anew", async () => {
    const registrar = await start();
    await rm(join(kubeletDir, "plugins_registry"), { recursive: true });
    await vi.waitFor(async () => expect(await isThere()).toBe(true), patience);
    await using kubelet = createGrpcClient(Registration, { path });
    expect(await kubelet.calls.getInfo({})).toMatchObject({ name: driverName });
    kubelet.close();
    expect(await registrar.stop()).toBeUndefined();
    expect(await isThere()).toBe(false);
  });

  it("takes over a socket that a killed process has left, and not one that is served", async () => {
    const first = await start();
    const second = await start();
    expect(await second.ended).toMatchObject({ code: "KX_GRPC_SOCKET_IN_USE" });
    expect(await isThere()).toBe(true);
    await first.stop();
  });

  it("says so when the kubelet does not ask", async () => {
    const clock = fakeClock();
    const registrar = await start(clock);
    await vi.waitFor(async () => {
      await clock.advance(31_000);
      expect(registrar.log.lines.map(({ message }) => message).join()).toContain("kubelet has not asked");
    }, patience);
    await registrar.stop();
  });
});
