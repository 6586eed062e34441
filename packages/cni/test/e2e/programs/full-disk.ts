// Calls kx-host-local on a file system that is full, and tells what came of it. The folder is the first argument; it has
// room for a few small files.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { handleCniCall } from "@kx/cni";
import { createHostLocal } from "@kx/cni/host-local";
import { collectingLogger } from "@kx/core/testing";
import { type IpamCall, ipamCall } from "../../support/ipam-call.ts";

const folder = process.argv[2] ?? "";
const dataDir = join(folder, "data");
const fill = join(folder, "fill");
const ipam = { dataDir, ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00::/64" }]] };
const plugin = createHostLocal();
const told: Record<string, unknown> = {};

async function tell(what: string, call: Omit<IpamCall, "ipam">): Promise<void> {
  const { stdout } = await handleCniCall(plugin, ipamCall({ ...call, ipam }), { log: collectingLogger() });
  const names = readdirSync(join(dataDir, "net")).filter((name) => !/^(lock|last_reserved_ip\.\d)$/.test(name));
  const leases = Object.fromEntries(names.map((name) => [name, readFileSync(join(dataDir, "net", name), "utf8")]));
  told[what] = { output: stdout === "" ? {} : JSON.parse(stdout), leases };
}

/** Does something until the file system has no room for it. */
function untilFull(step: (count: number) => void): void {
  try {
    for (let count = 0; count < 10_000; count++) step(count);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
    throw error;
  }
  throw new Error("the file system is never full");
}

mkdirSync(fill);
await tell("before", { command: "ADD", containerId: "a" });

const fd = openSync(join(fill, "bytes"), "w");
untilFull(() => writeSync(fd, "x".repeat(1000)));
await tell("no bytes left", { command: "ADD", containerId: "b" });
closeSync(fd);
rmSync(join(fill, "bytes"));
await tell("bytes again", { command: "ADD", containerId: "b" });

untilFull((count) => writeFileSync(join(fill, String(count)), ""));
await tell("no files left", { command: "ADD", containerId: "c" });
await tell("DEL with no files left", { command: "DEL", containerId: "a" });
rmSync(fill, { recursive: true });
await tell("files again", { command: "ADD", containerId: "c" });

process.stdout.write(JSON.stringify(told));
