// Unary calls over one Unix socket: our server against one of grpc-go, both called by the same client of grpc-go.
// `node packages/core/bench/grpc.ts [rounds] [seconds]`; interleaved rounds, medians. A figure, not a test.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createGrpcClient } from "@kx/core/grpc";
import { Echo } from "../test/support/echo/gen/echo_pb.ts";
import { goEnvironment, goProgram } from "../test/support/go-program.ts";

interface Sample {
  readonly callsPerSecond: number;
  /** Microseconds of the server's CPU a call, user and system. */
  readonly cpuMicros: number;
}

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 2);
const env = goEnvironment();
if (env === undefined) throw new Error("the benchmark needs Go, which is not installed");
const peer = goProgram("grpc-peer", join(import.meta.dirname, "../test/conformance/grpc-go"), env);
const folder = mkdtempSync(join(tmpdir(), "kx-bench-"));

const servers = [
  { name: "kx (Node)", command: process.execPath, args: [join(import.meta.dirname, "grpc-server.ts")] },
  { name: "grpc-go", command: peer, args: ["serve"] },
].map(({ name, command, args }, index) => {
  const path = join(folder, `${index}.sock`);
  return { name, path, process: spawn(command, [...args, path], { stdio: ["pipe", "inherit", "inherit"] }) };
});

/** CPU seconds that a process has used, from the kernel's ticks of 10 ms. */
function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measure(server: (typeof servers)[number], inFlight: number): Promise<Sample> {
  const before = cpuSeconds(server.process);
  const { stdout } = await promisify(execFile)(peer, ["bench", server.path, String(inFlight), String(seconds)]);
  const result = JSON.parse(stdout) as { readonly calls: number; readonly seconds: number };
  const cpu = cpuSeconds(server.process) - before;
  return { callsPerSecond: result.calls / result.seconds, cpuMicros: (cpu / result.calls) * 1e6 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

try {
  for (const { path } of servers) {
    await using client = createGrpcClient(Echo, { path });
    await client.calls.unary({}, { waitForReady: true, timeoutMs: 30_000 });
  }
  const rows = [1, 32].flatMap((inFlight) => servers.map((server) => ({ server, inFlight, samples: [] as Sample[] })));
  // The first round only warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { server, inFlight, samples } of rows) {
      const sample = await measure(server, inFlight);
      if (round > 0) samples.push(sample);
    }
    console.error(`round ${round} of ${rounds} (load ${loadavg()[0]?.toFixed(1)})`);
  }
  console.log(`\n${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}\n`);
  const figures = rows.map(({ server, inFlight, samples }) => ({
    server,
    inFlight,
    calls: median(samples.map(({ callsPerSecond }) => callsPerSecond)),
    cpu: median(samples.map(({ cpuMicros }) => cpuMicros)),
  }));
  const head = ["server", "in flight", "calls/s", "of grpc-go", "server CPU a call", "of grpc-go", "server RSS"];
  console.log(`| ${head.join(" | ")} |\n|${"---|".repeat(head.length)}`);
  for (const { server, inFlight, calls, cpu } of figures) {
    const peerFigures = figures.find((other) => other.inFlight === inFlight && other.server.name === "grpc-go");
    const ratio = (mine: number, other: number | undefined) => (mine / (other ?? Number.NaN)).toFixed(2);
    const rss = readFileSync(`/proc/${server.process.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)?.[1];
    const cells = [
      server.name,
      inFlight,
      calls.toFixed(0),
      ratio(calls, peerFigures?.calls),
      `${cpu.toFixed(0)} µs`,
      ratio(cpu, peerFigures?.cpu),
      `${(Number(rss) / 1024).toFixed(0)} MiB`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  for (const { process } of servers) process.stdin?.end();
  rmSync(folder, { recursive: true, force: true });
}
