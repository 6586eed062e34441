// Odd calls of all plug-ins, as their executables hand them to the daemon: it answers all, and leaves nothing half-made.
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { JsonObject } from "@kx/core/contracts/cni";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { acceptByte, type CniAnswer, type CniRequest, encodeFrame } from "../../src/daemon/frame.ts";
import { pluginTypes } from "../../src/plugins.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { type DaemonLab, daemonLab } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared } from "../support/host.ts";
import { answerProblem, goodVariables, oddInput, oddVariables } from "../support/odd-calls.ts";
import { runSeed } from "../support/random.ts";

const patience = { timeout: 30_000, interval: 20 };
const [lanes, callsPerLane, callsBetweenLooks] = [4, 2500, 100];

/** Asks the daemon as the shim does. */
function ask(socketPath: string, request: CniRequest): Promise<CniAnswer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(socketPath, () => socket.write(encodeFrame(request)));
    socket.on("data", (piece) => void pieces.push(piece)).once("error", reject);
    socket.once("close", () => {
      const [accepted, answer] = [pieces[0]?.[0], Buffer.concat(pieces).subarray(1)];
      if (accepted !== acceptByte || answer.length < 12)
        return reject(new Error(`refused: ${JSON.stringify(request)}`));
      const end = 12 + answer.readUInt32LE(4);
      const [stdout, stderr] = [answer.toString("utf8", 12, end), answer.toString("utf8", end)];
      resolve({ exitCode: answer.readUInt32LE(0), stdout, stderr });
    });
  });
}

/** A configuration in which each plug-in finds something of its own. */
function validConfig(dataDir: string): JsonObject {
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "kx",
    bridge: "kx0",
    isDefaultGateway: true,
    ipMasq: true,
    mtu: 1400,
    vlan: 0,
    portIsolation: true,
    macspoofchk: true,
    ipam: {
      type: "kx-host-local",
      dataDir,
      ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.9", gateway: "10.1.0.1" }], [{ subnet: "fd00::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0", gw: "fd00::1" }],
      addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
    },
    dns: { nameservers: ["10.0.0.1"] },
    args: { cni: { mac: "02:11:22:33:44:55" } },
    runtimeConfig: {
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "" }],
      bandwidth: { ingressRate: 8000, ingressBurst: 80_000 },
    },
    sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" },
    ingressPolicy: "same-bridge",
    dataDir,
    prevResult: {
      cniVersion: "1.1.0",
      interfaces: [{ name: "kx0" }, { name: "kxc1" }, { name: "eth0", sandbox: "/somewhere" }],
      ips: [
        { address: "10.1.0.9/24", interface: 2 },
        { address: "fd00::9/64", interface: 2 },
      ],
    },
    "cni.dev/valid-attachments": [{ containerID: "lane0", ifname: "eth0" }],
  };
}

/** The input, but for what would be kept elsewhere on this machine than in the folder of the test. */
function keptIn(dataDir: string, text: string): string {
  let config: { dataDir?: unknown; ipam?: { dataDir?: unknown } | null } | null;
  try {
    config = JSON.parse(text);
  } catch {
    return text;
  }
  const isWrong = (value: unknown) => value !== dataDir && (typeof value === "string" ? !value.includes("\0") : true);
  if (typeof config !== "object" || config === null || Array.isArray(config)) return text;
  const { ipam } = config;
  if (isWrong(config.dataDir)) config.dataDir = dataDir;
  if (typeof ipam === "object" && ipam !== null && isWrong(ipam.dataDir)) ipam.dataDir = dataDir;
  return JSON.stringify(config);
}

/** All leases below a folder, of whatever network. */
function leasesBelow(dataDir: string): readonly string[] {
  return readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter(
    (path) => !path.startsWith(".kx/") && /\/[\d.]+$|\/[^/]*:/.test(path),
  );
}

/** Runs an executable as a runtime does, with any bytes as its input. */
function execute(lab: DaemonLab, host: TestNetns, { type, env }: Omit<CniRequest, "stdin">, stdin: string | Buffer) {
  return new Promise<{ readonly exitCode: number; readonly stdout: string }>((resolve) => {
    const args = [`--net=${host.path}`, join(lab.binDir, type)];
    const variables = { PATH: process.env["PATH"], KX_CNI_SOCKET: lab.socketPath, ...env };
    const child = execFile("nsenter", args, { env: variables }, (_, stdout) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout });
    });
    // It need not read all.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
  });
}

interface Seen {
  readonly added: Record<string, number>;
  readonly codes: Set<number>;
  readonly networks: Set<string>;
}

async function runLane(lab: DaemonLab, lane: number, pod: TestNetns, seed: number, seen: Seen): Promise<void> {
  const dataDir = join(lab.folder, "leases");
  const netns = fc.constantFrom(
    pod.path,
    pod.path,
    pod.path,
    join(lab.folder, `lane${lane}`),
    "/proc/self/ns/mnt",
    "/etc/passwd",
  );
  const usual = { CNI_CONTAINERID: `lane${lane}`, CNI_IFNAME: "eth0" };
  const call = fc.record({
    type: fc.constantFrom(...pluginTypes, "kx-bridge", "kx-ptp"),
    env: fc.oneof({ weight: 3, arbitrary: goodVariables(usual) }, { weight: 1, arbitrary: oddVariables(usual) }),
    netns,
    text: oddInput(validConfig(dataDir)),
  });
  for (const [index, { type, env, netns: path, text }] of fc.sample(call, { numRuns: callsPerLane, seed }).entries()) {
    const request = { type, env: { CNI_NETNS: path, ...env }, stdin: keptIn(dataDir, text) };
    const { exitCode, stdout } = await ask(lab.socketPath, request);
    expect(await answerProblem(env.CNI_COMMAND, exitCode, stdout), JSON.stringify(request)).toBeUndefined();
    if (exitCode === 1) seen.codes.add(JSON.parse(stdout).code);
    if (exitCode === 0 && env.CNI_COMMAND === "ADD") {
      seen.networks.add(JSON.parse(request.stdin).name);
      seen.added[type] = (seen.added[type] ?? 0) + 1;
      const chained = JSON.stringify({ ...JSON.parse(request.stdin), prevResult: JSON.parse(stdout) });
      const del = { type, env: { ...request.env, CNI_COMMAND: "DEL" }, stdin: chained };
      expect(await ask(lab.socketPath, del), JSON.stringify(del)).toMatchObject({ exitCode: 0, stdout: "" });
    }
    if (index % callsBetweenLooks !== 0) continue;
    await expect.poll(() => netnsContents(pod), { ...patience, message: JSON.stringify(request) }).toEqual([]);
  }
}

const seed = runSeed();
it(`are answered by a result or an error, ${lanes * callsPerLane} of them, seed ${seed}`, async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const seen: Seen = { added: {}, codes: new Set(), networks: new Set() };
  const pods = await Promise.all(Array.from({ length: lanes }, () => host.pod()));
  for (const [lane, { path }] of pods.entries()) symlinkSync(path, join(lab.folder, `lane${lane}`));
  mkdirSync(join(lab.folder, "leases"));
  await Promise.all(pods.map((pod, lane) => runLane(lab, lane, pod, seed + lane, seen)));

  console.log(`odd calls: added ${JSON.stringify(seen.added)}, codes ${[...seen.codes].join()}`);
  // The inputs are worth something only if some get through to the kernel, and others fail in every way.
  // Those that need an interface that others have made are called without one.
  const alone = pluginTypes.filter((type) => type !== "kx-tuning" && type !== "kx-bandwidth");
  expect(Object.keys(seen.added)).toEqual(expect.arrayContaining(alone));
  expect([...seen.codes]).toEqual(expect.arrayContaining([1, 4, 6, 7, 8, 999]));
  // What kx-firewall keeps of a bridge goes with its network's last container, by GC.
  for (const name of seen.networks) {
    const stdin = JSON.stringify({ cniVersion: "1.1.0", name, type: "kx-firewall", "cni.dev/valid-attachments": [] });
    const env = { CNI_COMMAND: "GC", CNI_PATH: "/nowhere" };
    expect(await ask(lab.socketPath, { type: "kx-firewall", env, stdin })).toMatchObject({ exitCode: 0 });
  }
  const left = async () => (await shared(host.netns)).filter((line) => !/^link .* bridge$/.test(line));
  await expect.poll(left, patience).toEqual([]);
  expect(await elementCount(host.netns), await host.netns.run("nft", "list", "ruleset")).toBe(0);
  expect([leasesBelow(join(lab.folder, "leases")), lab.locks(), lab.queued()]).toEqual([[], [], []]);
  expect(daemon.log().match(/^.*unforeseen failure.*$/gm) ?? []).toEqual([]);
  expect(await daemon.stop()).toBe(0);
}, 600_000);

it(`come through the executables as they are, seed ${seed}`, async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const call = fc.record({
    type: fc.constantFrom(...pluginTypes),
    env: oddVariables({ CNI_CONTAINERID: "a", CNI_IFNAME: "eth0", CNI_NETNS: "/nowhere" }),
    text: oddInput(validConfig(join(lab.folder, "leases"))),
  });
  const calls = fc.sample(call, { numRuns: 400, seed });
  const runOne = async () => {
    for (let next = calls.pop(); next !== undefined; next = calls.pop()) {
      const { exitCode, stdout } = await execute(lab, host.netns, next, keptIn(join(lab.folder, "leases"), next.text));
      expect(await answerProblem(next.env.CNI_COMMAND, exitCode, stdout), JSON.stringify(next)).toBeUndefined();
      expect(stdout).not.toContain("daemon does not answer");
    }
  };
  await Promise.all(Array.from({ length: 4 }, runOne));

  const env = { CNI_COMMAND: "STATUS", CNI_PATH: "/nowhere" };
  const config = (name: string) => Buffer.from(`{"cniVersion":"1.1.0","type":"kx-bridge","name":"${name}"}`, "latin1");
  const inputs: readonly (readonly [Buffer, number])[] = [
    [config("net"), 0],
    [config("n\xe9t"), 7],
    [Buffer.from([0xff, 0xfe, 0, 0x80]), 6],
    [Buffer.from("[".repeat(1_000_000)), 6],
    [Buffer.from(`{"a":${"[".repeat(1_000_000)}`), 6],
    [Buffer.alloc(8 * 1024 * 1024 + 1, " "), 6],
  ];
  for (const [input, code] of inputs) {
    const { exitCode, stdout } = await execute(lab, host.netns, { type: "kx-bridge", env }, input);
    expect(exitCode === 0 ? 0 : JSON.parse(stdout).code, stdout).toBe(code);
  }
  const notText = { ...env, CNI_COMMAND: "DEL", CNI_CONTAINERID: "a\ud800", CNI_IFNAME: "eth0" };
  const { stdout } = await execute(lab, host.netns, { type: "kx-bridge", env: notText }, config("net"));
  expect(JSON.parse(stdout)).toMatchObject({ code: 4 });
  expect([await shared(host.netns), lab.queued()]).toEqual([[], []]);
  expect(await daemon.stop()).toBe(0);
}, 300_000);
