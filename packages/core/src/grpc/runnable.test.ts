import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Echo } from "../../test/support/echo/gen/echo_pb.ts";
import { echoHandlers } from "../../test/support/echo/handlers.ts";
import { until } from "../../test/support/echo/serve-echo.ts";
import { systemClock } from "../clock.ts";
import type { Extension } from "../extension.ts";
import { runHost } from "../host/index.ts";
import { collectingLogger } from "../testing/index.ts";
import { createGrpcClient, createGrpcServer, grpcRunnable } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "kx-runnable-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("grpcRunnable", () => {
  it("is served by a host, ready when it listens, tried again while another serves its path, gone when the host stops", async () => {
    const path = join(folder, "driver.sock");
    const log = collectingLogger();
    const extension: Extension = {
      kx: 1,
      kind: "csi",
      name: "echo",
      version: "1.0.0",
      parts: () => [
        grpcRunnable({ name: "echo", path, create: () => createGrpcServer({ log }).add(Echo, echoHandlers()) }),
      ],
      manifests: () => [],
    };
    const other = createGrpcServer({ log: collectingLogger() });
    await other.listen(path);
    await using host = await runHost({
      role: "node",
      extensions: [extension],
      log,
      clock: systemClock,
      backoff: { baseMs: 1, maxMs: 10 },
    });
    await until(() => log.messages("error").includes("runnable failed"), "the refusal");
    expect(log.lines.find(({ level }) => level === "error")?.fields["err"]).toMatchObject({
      code: "KX_GRPC_SOCKET_IN_USE",
    });
    await other.stop();
    await host.ready;
    await using client = createGrpcClient(Echo, { path });
    expect((await client.calls.unary({ text: "hosted" })).text).toBe("hosted");
    expect(await host.stop()).toEqual({ unstopped: [] });
    expect(existsSync(path)).toBe(false);
  });
});
