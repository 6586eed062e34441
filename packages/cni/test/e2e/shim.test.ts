import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { type DaemonLab, daemonLab, type LabDaemon } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared, type TestHost } from "../support/host.ts";
import { randomOf, runSeed } from "../support/random.ts";

const patience = { timeout: 30_000, interval: 20 };

/** Waits until nothing is left of any attachment. */
async function expectNothingLeft(lab: DaemonLab, host: TestHost, pod: TestNetns): Promise<void> {
  await expect.poll(() => netnsContents(pod), patience).toEqual([]);
  await expect.poll(() => shared(host.netns), patience).toEqual([]);
  await expect.poll(() => elementCount(host.netns), patience).toBe(0);
  await vi.waitFor(() => expect([lab.leases(), lab.locks(), lab.queued()]).toEqual([[], [], []]), patience);
}

/** Waits until the daemon has taken a call: from then on it has a lock for it. */
async function accepted(lab: DaemonLab): Promise<void> {
  await vi.waitFor(() => expect(lab.locks()).toHaveLength(1), patience);
}

async function logged(daemon: LabDaemon, text: string): Promise<void> {
  await vi.waitFor(() => expect(daemon.log()).toContain(text), patience);
}

it("keeps a DEL for the daemon, which carries it out before anything else", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const pod = await host.pod();
  await using first = await lab.startDaemon();
  const prevResult = { ...(await lab.done({ command: "ADD", netns: pod.path })) };
  await first.stop();

  const del = { command: "DEL", netns: pod.path, config: { prevResult } };
  await lab.done(del);
  await lab.done(del);
  expect(lab.queued()).toHaveLength(1);
  expect(lab.leases()).toEqual(["10.1.0.2"]);

  await using second = await lab.startDaemon();
  const again = await lab.done({ command: "ADD", netns: pod.path });
  expect(again.ips?.[0]?.address).toBe("10.1.0.3/24");
  expect(lab.queued()).toEqual([]);
  expect(second.log()).toContain("kept DEL carried out");
  await lab.done({ command: "CHECK", netns: pod.path, config: { prevResult: { ...again } } });
  await lab.done({ command: "DEL", netns: pod.path });
  await expectNothingLeft(lab, host, pod);
});

it("says that a DEL cannot be kept when too many are", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const folder = join(lab.folder, "run/cni/deletes");
  mkdirSync(folder, { recursive: true });
  for (let index = 0; index < 4096; index++) writeFileSync(join(folder, String(index)), "");
  expect(await lab.failed({ command: "DEL" })).toMatchObject({ code: 11, msg: expect.stringContaining("too many") });
});

it("puts kept calls aside that are none", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const folder = join(lab.folder, "run/cni/deletes");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "odd"), "KXC1 and so on");
  await using daemon = await lab.startDaemon();
  await logged(daemon, "kept DEL cannot be carried out");
  await vi.waitFor(() => expect(lab.queued()).toEqual([".refused.odd"]), patience);
});

it("waits for the daemon with an ADD for a time, and not with a CHECK", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const pod = await host.pod();
  const add = { command: "ADD", netns: pod.path };
  expect(await lab.failed({ ...add, env: { KX_CNI_CONNECT_MS: "50" } })).toMatchObject({ code: 11 });
  expect(await lab.failed({ ...add, command: "CHECK" })).toMatchObject({ code: 11 });

  const waiting = lab.start({ ...add, env: { KX_CNI_CONNECT_MS: "60000" } });
  await using daemon = await lab.startDaemon();
  expect(await waiting.outcome).toMatchObject({ exitCode: 0 });
  await lab.done({ command: "DEL", netns: pod.path });
  await daemon.stop();
  await expectNothingLeft(lab, host, pod);
});

it("answers STATUS without a daemon by the network's policy", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const [strict, easy] = [{ statusPolicy: "strict" }, { statusPolicy: "ready-once" }];
  expect(await lab.failed({ command: "STATUS", config: easy })).toMatchObject({ code: 50 });

  await using daemon = await lab.startDaemon();
  const full = { ...easy, ipam: { ...Object(lab.config["ipam"]), ranges: [[{ subnet: "10.9.0.0/30" }]] } };
  const pod = await host.pod();
  await lab.done({ command: "ADD", netns: pod.path, config: { ...full, bridge: "kx1" } });
  // The pool of a /30 is full with one address: that is told until STATUS has succeeded once.
  expect(await lab.failed({ command: "STATUS", config: full })).toMatchObject({ code: 50 });
  await lab.done({ command: "STATUS", config: easy });
  await lab.done({ command: "STATUS", config: full });
  await logged(daemon, "not ready, told otherwise by policy");
  expect(await lab.failed({ command: "STATUS", config: { ...full, ...strict } })).toMatchObject({ code: 50 });
  await lab.done({ command: "DEL", netns: pod.path, config: { ...full, bridge: "kx1" } });
  await daemon.stop();

  await lab.done({ command: "STATUS", config: easy });
  expect(await lab.failed({ command: "STATUS", config: strict })).toMatchObject({ code: 50 });
  expect(await lab.failed({ command: "STATUS" })).toMatchObject({ code: 50 });
});

it("is not heard any more after it has given up", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  process.kill(daemon.pid, "SIGSTOP");
  const times = { KX_CNI_CONNECT_MS: "0", KX_CNI_ACCEPT_MS: "100" };
  const outcomes = Array.from({ length: 5 }, () => lab.failed({ command: "ADD", netns: pod.path, env: times }));
  expect(new Set((await Promise.all(outcomes)).map(({ code }) => code))).toEqual(new Set([11]));
  process.kill(daemon.pid, "SIGCONT");
  // Calls are served in the order in which they came: when this one is answered, those before are over.
  await lab.done({ command: "STATUS" });
  await expectNothingLeft(lab, host, pod);
});

it("lets the daemon take an ADD back when it is killed", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  {
    using _ = lab.holdLeases();
    const add = lab.start({ command: "ADD", netns: pod.path });
    await accepted(lab);
    add.kill("SIGKILL");
    await add.outcome;
    await vi.waitFor(() => expect(lab.locks()).toEqual([]), patience);
  }
  await expectNothingLeft(lab, host, pod);

  const random = randomOf(runSeed());
  for (let round = 0; round < 20; round++) {
    const add = lab.start({ command: "ADD", netns: pod.path });
    const timer = setTimeout(() => add.kill("SIGKILL"), random(30));
    await add.outcome;
    clearTimeout(timer);
    // A runtime does so after an ADD that has not succeeded; here the ADD may be still under way.
    await lab.done({ command: "DEL", netns: pod.path });
  }
  await expectNothingLeft(lab, host, pod);
  expect(await daemon.stop()).toBe(0);
});

it("says that the daemon has ended during an ADD, and the next daemon finds no harm", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const pod = await host.pod();
  const add = { command: "ADD", netns: pod.path };
  {
    await using daemon = await lab.startDaemon();
    using _ = lab.holdLeases();
    const call = lab.failed(add);
    await accepted(lab);
    await daemon.crash();
    expect(await call).toMatchObject({ code: 11, msg: expect.stringContaining("before it answered") });
  }
  for (let round = 0; round < 5; round++) {
    await using daemon = await lab.startDaemon();
    const calls = Array.from({ length: 4 }, (_, index) =>
      lab.call({ ...add, containerId: `c${index}`, env: { KX_CNI_CONNECT_MS: "0" } }),
    );
    if (round % 2 === 0) await Promise.race(calls);
    await daemon.crash();
    await Promise.all(calls);
  }
  await using daemon = await lab.startDaemon();
  for (const containerId of ["a", "c0", "c1", "c2", "c3"]) {
    await lab.done({ command: "DEL", netns: pod.path, containerId });
  }
  await lab.done(add);
  await lab.done({ command: "DEL", netns: pod.path });
  // Locks of a process that was killed are free, but their files stay until the next call for the same attachment.
  await expectNothingLeft(lab, host, pod);
  expect(await daemon.stop()).toBe(0);
});

it("keeps a DEL during which the daemon was killed", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const pod = await host.pod();
  {
    await using daemon = await lab.startDaemon();
    await lab.done({ command: "ADD", netns: pod.path });
    using _ = lab.holdLeases();
    const del = lab.done({ command: "DEL", netns: pod.path });
    await accepted(lab);
    await daemon.crash();
    expect(await del).toEqual({});
  }
  expect(lab.queued()).toHaveLength(1);
  expect(lab.leases()).toHaveLength(1);
  await using daemon = await lab.startDaemon();
  await logged(daemon, "kept DEL carried out");
  await expectNothingLeft(lab, host, pod);
});

it("gets its answer from a daemon that is told to stop", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const pod = await host.pod();
  await using daemon = await lab.startDaemon({ drainMs: 60_000 });
  const held = lab.holdLeases();
  const add = lab.done({ command: "ADD", netns: pod.path });
  await accepted(lab);
  const stopped = daemon.stop();
  // It takes no further calls from here.
  await expect
    .poll(() => lab.call({ command: "CHECK", netns: pod.path }), patience)
    .toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("does not answer"),
    });
  held[Symbol.dispose]();
  expect(await add).toMatchObject({ ips: [{ address: "10.1.0.2/24" }] });
  expect(await stopped).toBe(0);

  await using hasty = await lab.startDaemon({ drainMs: 1 });
  await lab.done({ command: "DEL", netns: pod.path });
  {
    using _ = lab.holdLeases();
    const late = lab.failed({ command: "ADD", netns: pod.path });
    await accepted(lab);
    expect(await hasty.stop()).toBe(0);
    expect(await late).toMatchObject({ code: 11 });
  }
  await expectNothingLeft(lab, host, pod);
});

it("is one of 50 that add the same interface, of which one wins and stays whole", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => lab.call({ command: "ADD", netns: pod.path })));
  const won = outcomes.filter(({ exitCode }) => exitCode === 0);
  expect(won).toHaveLength(1);
  const prevResult = JSON.parse(won[0]?.stdout ?? "");
  await lab.done({ command: "CHECK", netns: pod.path, config: { prevResult } });
  expect(lab.leases()).toHaveLength(1);
  await lab.done({ command: "DEL", netns: pod.path, config: { prevResult } });
  await expectNothingLeft(lab, host, pod);
  expect(await daemon.stop()).toBe(0);
});

it("shares the socket with whatever connects to it", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const random = randomOf(runSeed());
  const say = (bytes: Buffer, isHeld: boolean) =>
    new Promise<string>((resolve) => {
      let heard = "";
      const socket = connect(lab.socketPath, () => (isHeld ? socket.write(bytes) : socket.end(bytes)));
      socket.on("data", (data) => {
        heard += data.toString("latin1");
      });
      socket.once("error", () => undefined).once("close", () => resolve(heard));
    });
  const noise = Array.from({ length: 200 }, () =>
    Buffer.from(Array.from({ length: 16 + random(200) }, () => random(256))),
  );
  expect(await Promise.all(noise.map((bytes) => say(bytes, true)))).toEqual(noise.map(() => ""));
  // Torn calls.
  expect(await say(Buffer.from("KXC1\x06\0\0\0\x03\0"), false)).toBe("");
  await logged(daemon, "call refused");
  await lab.done({ command: "STATUS" });
  expect(await daemon.stop()).toBe(0);
});
