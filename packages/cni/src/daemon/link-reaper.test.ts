import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectingLogger, fakeClock } from "@kx/core/testing";
import { afterAll, expect, it, vi } from "vitest";
import type { BridgeDetach } from "../bridge/data-path-types.ts";
import type { NetCalls } from "../net/net-calls.ts";
import { createLinkReaper } from "./link-reaper.ts";

const netns = mkdtempSync(join(tmpdir(), "kx-reaper-"));
afterAll(() => rmSync(netns, { recursive: true }));
const owner = { network: "net", containerId: "a", ifName: "eth0" };
const detach: BridgeDetach = { owner, netns, addresses: ["10.1.0.2/24"] };
const attach = { owner, netns, bridge: { name: "kx0" }, addresses: [], routes: [] };

/** A reaper, with a record of what it has asked for. */
function lab(fails: () => boolean = () => false) {
  const done: string[] = [];
  const clock = fakeClock();
  const stop = new AbortController();
  const namespace = statSync(netns).ino;
  const net = {
    call: async (name: string) => {
      done.push(name);
      return name === "bridgeRetire" ? { namespace } : undefined;
    },
  } as NetCalls;
  const deleter = {
    async deleteAll() {
      if (fails()) throw new Error("busy");
      done.push("delete");
    },
    [Symbol.dispose]: () => undefined,
  };
  const log = collectingLogger();
  return { done, clock, stop, log, reaper: createLinkReaper({ net, deleter, log, clock, signal: stop.signal }) };
}

it("gathers what is retired, and deletes it together a moment later", async () => {
  const { reaper, done, clock } = lab();
  await reaper.net.call("bridgeDetach", detach);
  await reaper.net.call("bridgeDetach", { ...detach, addresses: ["fd00::2/64"] });
  expect(done).toEqual(["bridgeRetire", "bridgeRetire"]);
  expect([reaper.isCooling("net", "10.1.0.2"), reaper.isCooling("net", "fd00::2")]).toEqual([true, true]);
  expect([reaper.isCooling("other", "10.1.0.2"), reaper.isCooling("net", "10.1.0.3")]).toEqual([false, false]);
  await clock.advance(39);
  expect(done).toHaveLength(2);
  await clock.advance(1);
  await vi.waitFor(() => expect(done).toEqual(["bridgeRetire", "bridgeRetire", "delete"]));
  expect(reaper.isCooling("net", "10.1.0.2")).toBe(false);
});

it("deletes first what is in the namespace of another call", async () => {
  const { reaper, done } = lab();
  await reaper.net.call("bridgeDetach", detach);
  await reaper.net.call("bridgeAttach", { ...attach, netns: tmpdir() });
  await reaper.net.call("bridgeAttach", attach);
  await reaper.net.call("bridgeAttach", attach);
  expect(done).toEqual(["bridgeRetire", "bridgeAttach", "delete", "bridgeAttach", "bridgeAttach"]);
});

it("tries again what could not be deleted, until it is told to stop", async () => {
  let failures = 2;
  const { reaper, done, clock, log, stop } = lab(() => failures-- > 0);
  await reaper.net.call("bridgeDetach", detach);
  await clock.advance(40);
  await vi.waitFor(() => expect(log.lines).toHaveLength(1));
  expect(reaper.isCooling("net", "10.1.0.2")).toBe(true);
  await clock.untilSleeping();
  await clock.advance(1_000);
  await vi.waitFor(() => expect(log.lines).toHaveLength(2));
  await clock.untilSleeping();
  await clock.advance(1_000);
  await vi.waitFor(() => expect(done).toEqual(["bridgeRetire", "delete"]));

  await reaper.net.call("bridgeDetach", detach);
  stop.abort();
  await clock.advance(10_000);
  expect(done).toEqual(["bridgeRetire", "delete", "bridgeRetire"]);
  await reaper.flush();
  expect(done.at(-1)).toBe("delete");
});
