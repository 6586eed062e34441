import { KxError } from "@kx/core";
import { fakeClock } from "@kx/core/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import { type Incoming, startServer } from "../../test/support/http2-server.ts";
import { Deployment } from "../api/gen/apps-v1.ts";
import { ConfigMap, Namespace } from "../api/gen/core-v1.ts";
import { createClient } from "./client.ts";

/** Answers like an API server that stores nothing, and keeps what was asked. */
async function recordingServer(answer: (request: Incoming) => void = (request) => request.json(200, {})) {
  const requests: { method: string; path: string; query: object; type?: string | undefined; body: unknown }[] = [];
  const server = await startServer(async (request) => {
    const body = await request.body();
    requests.push({
      method: request.method,
      path: request.path,
      query: Object.fromEntries(request.query),
      type: request.headers["content-type"],
      body: body === "" ? undefined : JSON.parse(body),
    });
    answer(request);
  });
  return { ...server, requests, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const status = (code: number, reason: string) => ({ kind: "Status", code, reason, message: `because ${reason}` });

describe("client", () => {
  it("asks for each verb as the API wants it", async () => {
    await using server = await recordingServer();
    await using client = createClient({ server: server.url }, { fieldManager: "me" });
    const map = { metadata: { name: "a", namespace: "ns" }, data: { k: "v" } };
    await client.get(ConfigMap, map.metadata);
    await client.get(Namespace, { name: "ns" });
    await client.create(ConfigMap, map);
    await client.update(ConfigMap, map, { fieldManager: "other", dryRun: true });
    await client.updateStatus(Deployment, { metadata: map.metadata, spec: { selector: {}, template: {} } });
    await client.patch(ConfigMap, map.metadata, { data: {} }, { force: true });
    await client.patch(ConfigMap, map.metadata, { data: {} }, { type: "merge" });
    await client.patch(ConfigMap, map.metadata, [], { type: "json" });
    await client.delete(ConfigMap, map.metadata, { propagationPolicy: "Foreground", uid: "u" });

    const path = "/api/v1/namespaces/ns/configmaps/a";
    const typed = { apiVersion: "v1", kind: "ConfigMap" };
    expect(server.requests).toEqual([
      { method: "GET", path, query: {} },
      { method: "GET", path: "/api/v1/namespaces/ns", query: {} },
      {
        method: "POST",
        path: "/api/v1/namespaces/ns/configmaps",
        query: { fieldManager: "me" },
        type: "application/json",
        body: { ...typed, ...map },
      },
      {
        method: "PUT",
        path,
        query: { fieldManager: "other", dryRun: "All" },
        type: "application/json",
        body: { ...typed, ...map },
      },
      expect.objectContaining({ method: "PUT", path: "/apis/apps/v1/namespaces/ns/deployments/a/status" }),
      {
        method: "PATCH",
        path,
        query: { fieldManager: "me", force: "true" },
        type: "application/apply-patch+yaml",
        body: { ...typed, data: {} },
      },
      expect.objectContaining({ type: "application/merge-patch+json", body: { data: {} } }),
      expect.objectContaining({ type: "application/json-patch+json", body: [] }),
      {
        method: "DELETE",
        path,
        query: {},
        type: "application/json",
        body: { propagationPolicy: "Foreground", preconditions: { uid: "u" } },
      },
    ]);
  });

  it.each([
    [400, "BadRequest", "KX_API_BAD_REQUEST", false],
    [401, "Unauthorized", "KX_API_UNAUTHORIZED", false],
    [403, "Forbidden", "KX_API_FORBIDDEN", false],
    [404, "NotFound", "KX_API_NOT_FOUND", false],
    [405, "MethodNotAllowed", "KX_API_METHOD_NOT_ALLOWED", false],
    [409, "Conflict", "KX_API_CONFLICT", false],
    [409, "AlreadyExists", "KX_API_ALREADY_EXISTS", false],
    [410, "Expired", "KX_API_GONE", false],
    [415, "UnsupportedMediaType", "KX_API_REJECTED", false],
    [422, "Invalid", "KX_API_INVALID", false],
    [429, "TooManyRequests", "KX_API_TOO_MANY_REQUESTS", true],
    [500, "InternalError", "KX_API_UNAVAILABLE", true],
  ])("makes %i %s a %s", async (code, reason, kxCode, retryable) => {
    await using server = await recordingServer((request) => request.json(code, status(code, reason)));
    await using client = createClient({ server: server.url });
    const error = await client.get(Namespace, { name: "a" }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: kxCode, retryable, details: { httpStatus: code, status: { reason } } });
    expect(KxError.from(error).reason).toBe(`GET /api/v1/namespaces/a: because ${reason}`);
  });

  it("shows the start of an answer that is no Status, and refuses one that is no JSON", async () => {
    let code = 502;
    await using server = await recordingServer(({ stream }) => {
      stream.respond({ ":status": code });
      stream.end("<html>proxy\nerror</html>");
    });
    await using client = createClient({ server: server.url });
    await expect(client.get(Namespace, { name: "a" })).rejects.toThrow(/KX_API_UNAVAILABLE.*: HTTP 502 <html>proxy$/);
    code = 200;
    await expect(client.get(Namespace, { name: "a" })).rejects.toMatchObject({ code: "KX_API_ANSWER" });
  });

  it("waits as long as Retry-After says", async () => {
    let left = 2;
    await using server = await recordingServer((request) => {
      left -= 1;
      if (left >= 0) request.json(429, status(429, "TooManyRequests"), { "retry-after": "3" });
      else request.json(201, { metadata: { name: "a" } });
    });
    const clock = fakeClock();
    const start = clock.now();
    await using client = createClient({ server: server.url }, { clock });
    const answer = client.create(Namespace, { metadata: { name: "a" } });
    for (const round of [1, 2]) {
      await clock.untilSleeping();
      await clock.advance(2999);
      expect(clock.sleepers).toBe(1);
      await clock.advance(1);
      expect(clock.now() - start).toBe(round * 3000);
    }
    expect((await answer).metadata.name).toBe("a");
  });

  it("tells which subresources exist", async () => {
    await using server = await recordingServer((request) =>
      request.json(200, {
        resources: [
          { name: "deployments", verbs: ["get"] },
          { name: "deployments/status", verbs: ["update"] },
        ],
      }),
    );
    await using client = createClient({ server: server.url });
    const found = await client.discover("apps", "v1");
    expect(server.requests[0]?.path).toBe("/apis/apps/v1");
    expect(found.hasSubresource("deployments", "status")).toBe(true);
    expect(found.hasSubresource("deployments", "scale")).toBe(false);
    expect(found.verbs("deployments")).toEqual(["get"]);
  });

  it("infers the object from the resource", async () => {
    await using client = createClient({ server: "http://unused" });
    const get = () => client.get(Deployment, { name: "a" });
    expectTypeOf<Awaited<ReturnType<typeof get>>["spec"]["replicas"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Awaited<ReturnType<typeof get>>["metadata"]["uid"]>().toEqualTypeOf<string>();
  });
});
