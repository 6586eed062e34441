import { collectingLogger, type FakeClock, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { type ScriptedApi, scriptedApi } from "../../test/support/scripted-api.ts";
import { ConfigMap } from "../api/gen/core-v1.ts";
import type { Cached } from "../api/resource.ts";
import { createClient } from "../client/client.ts";
import { createInformer, type Informer } from "./informer.ts";

function configMap(name: string, version: number, extra: object = {}) {
  return {
    metadata: { name, namespace: "ns", uid: `uid-${name}`, resourceVersion: String(version), ...extra },
    data: { version: String(version) },
  };
}

const listOf = (version: number, ...items: unknown[]) => ({
  body: { metadata: { resourceVersion: String(version) }, items },
});

interface Rig extends AsyncDisposable {
  readonly api: ScriptedApi;
  readonly clock: FakeClock;
  readonly informer: Informer<ConfigMap>;
  /** What the subscriber was told, in words. */
  readonly told: string[];
  untilTold(text: string): Promise<void>;
  messages(): readonly string[];
}

async function rig(prepare: (api: ScriptedApi) => void = () => undefined): Promise<Rig> {
  const api = await scriptedApi();
  prepare(api);
  const clock = fakeClock();
  const log = collectingLogger();
  const client = createClient({ server: api.url }, { clock });
  const informer = createInformer({ resource: ConfigMap, client, clock, log, random: () => 0 });
  const told: string[] = [];
  const waiters = new Set<() => void>();
  const tell = (text: string) => {
    told.push(text);
    for (const waiter of waiters) waiter();
  };
  const at = (object: Cached<ConfigMap>) => `${object.metadata.name}@${object.metadata.resourceVersion}`;
  informer.subscribe({
    added: (object) => tell(`added ${at(object)}`),
    updated: (object, old) => tell(`updated ${at(object)} from ${at(old)}`),
    deleted: (last, missed) => tell(`${missed ? "missed deletion of" : "deleted"} ${at(last)}`),
  });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  return {
    api,
    clock,
    informer,
    told,
    untilTold: (text) =>
      new Promise((resolve) => {
        const check = () => {
          if (!told.includes(text)) return;
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        check();
      }),
    messages: () => log.messages(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await client[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

describe("informer", () => {
  it("reads all pages, then follows the watch from there", async () => {
    await using t = await rig((api) => {
      api.list = (query) =>
        query.get("continue") === "page2"
          ? listOf(10, configMap("b", 2))
          : {
              body: {
                metadata: { resourceVersion: "10", continue: "page2" },
                items: [configMap("a", 1)],
              },
            };
    });
    const watch = await t.api.nextWatch();
    expect(t.informer.synced).toBe(true);
    expect(t.told).toEqual(["added a@1", "added b@2"]);
    expect(t.api.lists[0]?.get("limit")).toBe("500");
    expect(Object.fromEntries(watch.query)).toMatchObject({
      resourceVersion: "10",
      allowWatchBookmarks: "true",
      timeoutSeconds: "300",
    });
    expect(t.informer.get("ns/a")).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });

    watch.send("MODIFIED", configMap("a", 11));
    watch.send("DELETED", configMap("b", 12));
    watch.send("ADDED", configMap("c", 13));
    await t.untilTold("added c@13");
    expect(t.told.slice(2)).toEqual(["updated a@11 from a@1", "deleted b@12", "added c@13"]);
    expect(t.informer.list("ns").map((object) => object.metadata.name)).toEqual(["a", "c"]);
    expect(t.informer.list("other")).toEqual([]);
  });

  it("leaves out managedFields and kubectl's annotation", async () => {
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", mine: "kept" };
    await using t = await rig((api) => {
      api.list = () => listOf(1, configMap("a", 1, { managedFields: [{ manager: "kubectl" }], annotations }));
    });
    await t.informer.untilSynced();
    expect(t.informer.get("ns/a")?.metadata.managedFields).toBeUndefined();
    expect(t.informer.get("ns/a")?.metadata.annotations).toEqual({ mine: "kept" });
  });

  it("gives nothing that a reader could change, and keeps equal parts once", async () => {
    const labels = { app: "shop", "app.kubernetes.io/part-of": "the whole shop" };
    const extra = (): object => ({ labels: { ...labels } });
    await using t = await rig((api) => {
      api.list = () => listOf(1, configMap("a", 1, extra()), configMap("b", 1, extra()));
    });
    const watch = await t.api.nextWatch();
    const listed = t.informer.get("ns/a");
    expect(t.informer.get("ns/b")?.metadata.labels).toBe(listed?.metadata.labels);
    const gone: Cached<ConfigMap>[] = [];
    t.informer.subscribe({ deleted: (last) => gone.push(last) });
    watch.send("MODIFIED", configMap("a", 2, extra()));
    watch.send("ADDED", configMap("c", 3, extra()));
    watch.send("DELETED", configMap("c", 4, extra()));
    await t.untilTold("deleted c@4");
    const fresh = t.informer.get("ns/a");
    expect(fresh?.metadata.labels).toBe(listed?.metadata.labels);
    for (const object of [listed, fresh, gone[0]]) {
      expect(object?.metadata.labels).toEqual(labels);
      for (const part of [object, object?.metadata, object?.metadata.labels, object?.data]) {
        expect(part).toBeDefined();
        expect(Object.isFrozen(part)).toBe(true);
      }
    }
  });

  it("goes on where it stopped when the connection is cut, without listing again", async () => {
    await using t = await rig((api) => {
      // The second answer tells that the server has not forgotten anything.
      api.list = () => listOf(api.lists.length === 1 ? 1 : 100);
    });
    const first = await t.api.nextWatch();
    first.send("ADDED", configMap("a", 5));
    await t.untilTold("added a@5");
    first.send("BOOKMARK", { metadata: { resourceVersion: "77" } });
    first.send("ADDED", configMap("b", 78));
    first.send("BOOKMARK", { metadata: { resourceVersion: "99" } });
    first.send("ADDED", configMap("c", 100));
    await t.untilTold("added c@100");
    first.cut();
    await t.clock.untilSleeping();
    await t.clock.advance(800);
    const second = await t.api.nextWatch();
    expect(second.query.get("resourceVersion")).toBe("100");
    second.send("MODIFIED", configMap("a", 101));
    await t.untilTold("updated a@101 from a@5");
    expect(t.api.lists.map((query) => query.get("limit"))).toEqual(["500", "1"]);
  });

  it("reads all anew when the server has forgotten what was seen, as after a restore from a backup", async () => {
    await using t = await rig((api) => {
      api.list = () => listOf(9, configMap("a", 5));
    });
    const first = await t.api.nextWatch();
    first.send("ADDED", configMap("b", 10));
    await t.untilTold("added b@10");
    t.api.list = () => listOf(8, configMap("a", 4));
    first.cut();
    await t.clock.untilSleeping();
    await t.clock.advance(800);
    const second = await t.api.nextWatch();
    expect(second.query.get("resourceVersion")).toBe("8");
    expect(t.told.slice(2)).toEqual(["updated a@4 from a@5", "missed deletion of b@10"]);
    second.send("ADDED", configMap("b", 9));
    await t.untilTold("added b@9");
    expect(t.messages()).toContain("server's state is older than what was seen of it, listing again");
  });

  it("reads the first state from a watch where the server streams lists, and goes on with it", async () => {
    await using t = await rig((api) => {
      api.streams = true;
    });
    const first = await t.api.nextWatch();
    expect(Object.fromEntries(first.query)).toMatchObject({
      sendInitialEvents: "true",
      resourceVersionMatch: "NotOlderThan",
      allowWatchBookmarks: "true",
    });
    first.send("ADDED", configMap("a", 1));
    await t.untilTold("added a@1");
    expect(t.informer.synced).toBe(false);
    const annotations = { "k8s.io/initial-events-end": "true" };
    first.send("BOOKMARK", { metadata: { resourceVersion: "40", annotations } });
    await t.informer.untilSynced();
    first.send("MODIFIED", configMap("a", 41));
    await t.untilTold("updated a@41 from a@1");
    first.end();
    expect((await t.api.nextWatch()).query.get("resourceVersion")).toBe("41");
    expect(t.api.lists).toEqual([]);
  });

  it("reads the whole state anew when the stream breaks before its end", async () => {
    await using t = await rig((api) => {
      api.streams = true;
    });
    const first = await t.api.nextWatch();
    first.send("ADDED", configMap("a", 1));
    first.send("ADDED", configMap("gone", 2));
    await t.untilTold("added gone@2");
    first.end();
    const second = await t.api.nextWatch();
    expect(second.query.get("sendInitialEvents")).toBe("true");
    second.send("ADDED", configMap("a", 1));
    const annotations = { "k8s.io/initial-events-end": "true" };
    second.send("BOOKMARK", { metadata: { resourceVersion: "40", annotations } });
    await t.untilTold("missed deletion of gone@2");
  });

  it("waits for a resource that is not served yet, and says so once", async () => {
    await using t = await rig((api) => {
      api.list = () => ({ status: 404, body: { kind: "Status", code: 404, reason: "NotFound", message: "no" } });
    });
    for (let i = 0; i < 3; i++) {
      await t.clock.untilSleeping();
      await t.clock.advance(1000);
    }
    await t.clock.untilSleeping();
    t.api.list = () => listOf(20, configMap("a", 15));
    await t.clock.advance(1000);
    await t.api.nextWatch();
    const said = t.messages().filter((message) => message.startsWith("resource is"));
    expect(said).toEqual(["resource is not served, waiting for it: is its CRD installed?", "resource is served now"]);
  });

  it("finds objects by an index, also after they changed and went", async () => {
    await using t = await rig((api) => {
      api.list = () => listOf(10, configMap("a", 1, { labels: { app: "x" } }), configMap("b", 2));
    });
    await t.informer.untilSynced();
    t.informer.index("app", (object) => [object.metadata.labels?.["app"] ?? "none"]);
    const named = (value: string) => t.informer.byIndex("app", value).map((object) => object.metadata.name);
    expect([named("x"), named("none")]).toEqual([["a"], ["b"]]);
    const watch = await t.api.nextWatch();
    watch.send("MODIFIED", configMap("a", 11, { labels: { app: "none" } }));
    watch.send("DELETED", configMap("b", 12));
    await t.untilTold("deleted b@12");
    expect([named("x"), named("none")]).toEqual([[], ["a"]]);
    expect(() => t.informer.byIndex("nope", "x")).toThrow(/KX_CACHE_NO_INDEX.*there are app/);
  });

  it("starts the next watch at a bookmark's version", async () => {
    await using t = await rig();
    const first = await t.api.nextWatch();
    first.send("BOOKMARK", { metadata: { resourceVersion: "50" } });
    first.end();
    expect((await t.api.nextWatch()).query.get("resourceVersion")).toBe("50");
  });

  it("lists again after 410, and reports what it missed", async () => {
    await using t = await rig((api) => {
      api.list = () =>
        listOf(10, configMap("gone", 1), configMap("same", 2), configMap("new", 3), configMap("again", 4));
    });
    const first = await t.api.nextWatch();
    t.api.list = () =>
      listOf(20, configMap("same", 2), configMap("new", 15), configMap("again", 16, { uid: "another" }));
    first.send("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" });
    await t.clock.untilSleeping();
    await t.clock.advance(800);
    expect((await t.api.nextWatch()).query.get("resourceVersion")).toBe("20");
    expect(t.told.slice(4)).toEqual([
      "updated new@15 from new@3",
      "missed deletion of again@4",
      "added again@16",
      "missed deletion of gone@1",
    ]);
  });

  it.each([
    "no json",
    '{"type":"ADDED"}',
    '{"type":"ADDED","object":7}',
    '{"type":"NEWS","object":{"metadata":{}}}',
    "[]",
  ])("outlives a line that is no event: %s", async (line) => {
    await using t = await rig();
    const first = await t.api.nextWatch();
    first.sendText(`${line}\n`);
    await t.clock.untilSleeping();
    t.api.list = () => listOf(20, configMap("a", 15));
    await t.clock.advance(800);
    await t.untilTold("added a@15");
    expect(t.messages()).toContain("list or watch failed, trying again");
  });

  it("waits longer and longer for a server that fails, and never gives up", async () => {
    await using t = await rig((api) => {
      api.list = () => ({ status: 500, body: { kind: "Status", message: "boom" } });
    });
    const waits: number[] = [];
    for (let failure = 0; failure < 8; failure++) {
      await t.clock.untilSleeping();
      const before = t.api.lists.length;
      const start = t.clock.now();
      if (failure === 7) t.api.list = () => listOf(20, configMap("a", 15));
      while (t.clock.sleepers > 0 && t.api.lists.length === before) await t.clock.advance(100);
      waits.push(t.clock.now() - start);
    }
    expect(waits).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    await t.untilTold("added a@15");
  });

  it("reports every object again at each resync", async () => {
    await using t = await rig((api) => {
      api.list = () => listOf(10, configMap("a", 1));
    });
    await t.informer.untilSynced();
    const seen: string[] = [];
    const end = t.informer.subscribe({ updated: (object) => seen.push(object.metadata.name) }, { resyncMs: 30_000 });
    await t.clock.untilSleeping();
    await t.clock.advance(29_999);
    expect(seen).toEqual([]);
    await t.clock.advance(60_001);
    expect(seen).toEqual(["a", "a", "a"]);
    end();
    await t.clock.advance(60_000);
    expect(seen).toHaveLength(3);
  });

  it("goes on when a handler fails", async () => {
    await using t = await rig((api) => {
      api.list = () => listOf(10, configMap("a", 1));
    });
    await t.informer.untilSynced();
    t.informer.subscribe({
      added: () => {
        throw new Error("handler bug");
      },
    });
    (await t.api.nextWatch()).send("ADDED", configMap("b", 11));
    await t.untilTold("added b@11");
    expect(t.messages()).toContain("informer handler failed");
  });
});
