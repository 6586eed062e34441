import { existsSync, statSync } from "node:fs";
import { link, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HealthView, serveHealth } from "./health.ts";

const view: HealthView = { notReady: () => ["a/b"], extensions: () => [] };

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-socket-"));
});
afterEach(() => rm(folder, { recursive: true }));

function get(socketPath: string, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asked.on("error", reject).end();
  });
}

describe("health at a Unix socket", () => {
  it("is the same as at the port, for its user alone and without a token, and goes with the host", async () => {
    const socket = join(folder, "run/host.sock");
    const authorize = async () => "unknown" as const;
    const server = await serveHealth({ port: 0, authorize, socket }, view);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "run")).mode & 0o777).toBe(0o700);
    expect(await get(socket, "/readyz")).toEqual({ status: 503, body: "not ready:\na/b\n" });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(401);
    await server.close();
    expect(existsSync(socket)).toBe(false);
  });

  it("replaces what a host that was killed left behind", async () => {
    const socket = join(folder, "host.sock");
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(`${socket}.dead`, resolve));
    // A server that closes removes the name it was bound to, a process that is killed does not.
    await link(`${socket}.dead`, socket);
    await new Promise((resolve) => dead.close(resolve));
    expect(existsSync(socket)).toBe(true);
    const server = await serveHealth({ port: 0, socket }, view);
    expect((await get(socket, "/healthz")).status).toBe(200);
    await server.close();
  });

  it("takes no path that is served or is something else, and then listens nowhere", async () => {
    const socket = join(folder, "host.sock");
    const first = await serveHealth({ port: 0, socket }, view);
    const port = Number(new URL(first.url).port);
    await expect(serveHealth({ port: 0, socket }, view)).rejects.toThrow(
      /KX_HOST_HEALTH_LISTEN.*another process serves/,
    );
    await first.close();
    await writeFile(socket, "");
    await expect(serveHealth({ port, socket }, view)).rejects.toThrow(/KX_HOST_HEALTH_LISTEN.*is no socket/);
    await rm(socket);
    const last = await serveHealth({ port, socket }, view);
    await last.close();
  });
});
