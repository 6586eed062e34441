import { collectingLogger, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { startServer } from "../../test/support/http2-server.ts";
import { createClient } from "../client/client.ts";
import { createEventRecorder, type EventsApi } from "./recorder.ts";

const target = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d", namespace: "ns", uid: "u", resourceVersion: "7" },
};
const synced = { type: "Normal", reason: "Synced", message: "all well" } as const;

async function rig(statusOf: (requests: readonly string[]) => number = () => 200, api: EventsApi = "core/v1") {
  const requests: string[] = [];
  const bodies: unknown[] = [];
  const waiters = new Set<() => void>();
  const server = await startServer(async (request) => {
    bodies.push(JSON.parse(await request.body()));
    requests.push(`${request.method} ${request.path}`);
    request.json(statusOf(requests), {});
    for (const waiter of waiters) waiter();
  });
  const clock = fakeClock();
  const log = collectingLogger();
  const client = createClient({ server: server.url }, { clock });
  return {
    requests,
    bodies,
    clock,
    log,
    recorder: createEventRecorder({ client, component: "me", api, clock, log }),
    untilRequests: (count: number) =>
      new Promise<void>((resolve) => {
        const check = () => requests.length >= count && resolve();
        waiters.add(check);
        check();
      }),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("event recorder", () => {
  it("creates an event, then raises its count, and makes another for another message", async () => {
    await using t = await rig();
    t.recorder.event(target, synced);
    await t.clock.advance(5000);
    t.recorder.event(target, synced);
    t.recorder.event(target, synced);
    t.recorder.event(target, { ...synced, message: "still well" });
    await t.untilRequests(4);
    const { name } = (t.bodies[0] as { metadata: { name: string } }).metadata;
    expect(name).toMatch(/^d\.[0-9a-f]{15}$/);
    const collection = "/api/v1/namespaces/ns/events";
    expect(t.requests).toEqual([
      `POST ${collection}`,
      `PATCH ${collection}/${name}`,
      `PATCH ${collection}/${name}`,
      `POST ${collection}`,
    ]);
    expect(t.bodies.slice(0, 3)).toEqual([
      {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name, namespace: "ns" },
        involvedObject: {
          apiVersion: "apps/v1",
          kind: "Deployment",
          namespace: "ns",
          name: "d",
          uid: "u",
          resourceVersion: "7",
        },
        ...synced,
        source: { component: "me" },
        reportingComponent: "me",
        firstTimestamp: "2000-01-01T00:00:00Z",
        lastTimestamp: "2000-01-01T00:00:00Z",
        count: 1,
      },
      { count: 2, lastTimestamp: "2000-01-01T00:00:05Z" },
      { count: 3, lastTimestamp: "2000-01-01T00:00:05Z" },
    ]);
  });

  it("creates an event anew that the server has forgotten", async () => {
    await using t = await rig((requests) => (requests.at(-1)?.startsWith("PATCH") === true ? 404 : 200));
    t.recorder.event(target, synced);
    t.recorder.event(target, synced);
    await t.untilRequests(3);
    expect(t.requests.map((request) => request.split(" ")[0])).toEqual(["POST", "PATCH", "POST"]);
  });

  it("drops an event that the server refuses, and goes on", async () => {
    await using t = await rig((requests) => (requests.length === 1 ? 403 : 200));
    t.recorder.event(target, synced);
    t.recorder.event({ ...target, metadata: { name: "node" } }, synced);
    await t.untilRequests(2);
    expect(t.log.messages()).toEqual(["event dropped"]);
    expect(t.requests[1]).toBe("POST /api/v1/namespaces/default/events");
  });

  it("holds back what comes after 25 events about an object, and counts it", async () => {
    await using t = await rig();
    for (let i = 0; i < 30; i++) t.recorder.event(target, synced);
    t.recorder.event({ ...target, metadata: { ...target.metadata, name: "other", uid: "o" } }, synced);
    await t.untilRequests(26);
    expect(t.bodies.slice(24)).toMatchObject([{ count: 25 }, { involvedObject: { name: "other" } }]);
    await t.clock.advance(299_999);
    t.recorder.event(target, synced);
    await t.clock.advance(1);
    t.recorder.event(target, synced);
    await t.untilRequests(27);
    expect(t.bodies.slice(26)).toMatchObject([{ count: 32 }]);
  });
});
