import { collectingLogger, type FakeClock, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { type LeaseServer, leaseServer } from "../../test/support/lease-server.ts";
import { createClient } from "../client/client.ts";
import { createElection } from "./election.ts";
import { fenced } from "./fence.ts";
import { createTerm, type Term } from "./term.ts";

interface Candidate {
  readonly terms: readonly Term[];
  stop(): Promise<void>;
  readonly log: ReturnType<typeof collectingLogger>;
  nextTerm(): Promise<Term>;
}

function candidate(server: LeaseServer, clock: FakeClock, identity: string): Candidate {
  const log = collectingLogger();
  const client = createClient({ server: "https://lease.test" }, { clock, transport: server.transport });
  const election = createElection({ leaseName: "l", identity });
  const stopping = new AbortController();
  const terms: Term[] = [];
  const collect = async (): Promise<void> => {
    for (;;) {
      const term = await election.term(stopping.signal);
      terms.push(term);
      await new Promise((resolve) => term.signal.addEventListener("abort", resolve, { once: true }));
    }
  };
  collect().catch(() => undefined);
  const running = election.run({ client, namespace: "ns", clock, log, random: () => 0 }, stopping.signal);
  return {
    terms,
    log,
    nextTerm: () => election.term(stopping.signal),
    async stop() {
      stopping.abort();
      await running;
      await client[Symbol.asyncDispose]();
    },
  };
}

describe("election", () => {
  it("has one leader, and another only when the lease of the first has run out", async () => {
    const server = leaseServer();
    const clock = fakeClock();
    const first = candidate(server, clock, "a");
    const term = await first.nextTerm();
    const second = candidate(server, clock, "b");
    await clock.advance(60_000);
    expect(new Set(server.holders)).toEqual(new Set(["a"]));
    expect(term.signal.aborted).toBe(false);
    expect(second.log.messages()).toEqual(["standing by"]);

    // Nobody can renew: the leader ends by itself before anyone else may begin.
    server.isDown = true;
    const lastRenewal = clock.now();
    while (!term.signal.aborted) await clock.advance(500);
    expect(clock.now() - lastRenewal).toBeLessThanOrEqual(12_000);
    expect(() => term.check()).toThrow(/KX_LEADER_LOST/);
    server.isDown = false;
    await clock.advance(20_000);
    expect(first.terms.length + second.terms.length).toBe(2);
    await first.stop();
    await second.stop();
  });

  it("gives the lease back when it stops, so that another leads at the next try", async () => {
    const server = leaseServer();
    const clock = fakeClock();
    const first = candidate(server, clock, "a");
    await first.nextTerm();
    const second = candidate(server, clock, "b");
    await clock.advance(3000);
    await first.stop();
    expect(server.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
    await clock.advance(2500);
    expect(server.spec?.holderIdentity).toBe("b");
    await second.stop();
  });

  it("keeps the lease if something still acts under it", async () => {
    const server = leaseServer();
    const clock = fakeClock();
    const only = candidate(server, clock, "a");
    const term = await only.nextTerm();
    const end = Promise.withResolvers<void>();
    const acting = term.act("deaf", () => end.promise);
    await only.stop();
    expect(server.spec?.holderIdentity).toBe("a");
    expect(only.log.messages("warn")[0]).toMatch(/^lease kept/);
    end.resolve();
    await acting;
  });

  it("ends at once when another has the lease after all", async () => {
    const server = leaseServer();
    const clock = fakeClock();
    const first = candidate(server, clock, "a");
    const term = await first.nextTerm();
    const thief = createClient({ server: "https://lease.test" }, { clock, transport: server.transport });
    const path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l";
    const lease = (await thief.raw("GET", path)) as { spec: object };
    await thief.raw("PUT", path, { ...lease, spec: { ...lease.spec, holderIdentity: "thief" } });
    await clock.advance(4500);
    expect(term.signal.reason).toMatchObject({ code: "KX_LEADER_LOST" });
    await thief[Symbol.asyncDispose]();
    await first.stop();
  });

  it("refuses times that would allow two leaders", () => {
    const options = { leaseName: "l", identity: "a" };
    expect(() => createElection({ ...options, renewDeadlineMs: 15_000 })).toThrow(/KX_LEADER_TIMES.*leaseDurationMs/);
    expect(() => createElection({ ...options, retryPeriodMs: 9000 })).toThrow(/KX_LEADER_TIMES.*renewDeadlineMs/);
  });
});

describe("fence", () => {
  it("refuses changes after the term, also to a process that slept through its end; reading goes on", async () => {
    const server = leaseServer();
    let now = 1000;
    // A clock that stops with the process, and whose timers are late after it.
    const clock = { now: () => now, sleep: () => new Promise<void>(() => undefined) };
    const term = createTerm(11_000, clock);
    const client = createClient({ server: "https://lease.test" }, { clock, transport: fenced(server.transport, term) });
    const path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
    await client.raw("POST", path, { metadata: { name: "l" } });
    now = 11_000;
    await expect(client.raw("POST", path, { metadata: { name: "l" } })).rejects.toThrow(/KX_LEADER_LOST/);
    await client.raw("GET", path);
    expect(server.holders).toHaveLength(1);
  });
});
