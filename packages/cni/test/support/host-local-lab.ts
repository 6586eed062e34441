import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CniError, JsonObject, Result110 } from "@kx/core/contracts/cni";
import { collectingLogger } from "@kx/core/testing";
import { createHostLocal } from "../../src/host-local/plugin.ts";
import { handleCniCall } from "../../src/plugin/handle-call.ts";
import { type IpamCall, ipamCall } from "./ipam-call.ts";

/** A call with the range 10.1.2.0/24 if it names no other. */
export type LabCall = Omit<IpamCall, "ipam"> & { readonly ipam?: JsonObject };

/** kx-host-local on leases in a folder of its own. */
export function hostLocalLab() {
  const dataDir = mkdtempSync(join(tmpdir(), "kx-host-local-"));
  const plugin = createHostLocal();
  const log = collectingLogger();

  async function call({ ipam, ...more }: LabCall, by = plugin) {
    const ranges = [[{ subnet: "10.1.2.0/24" }]];
    const made = ipamCall({ ...more, ipam: { type: "host-local", dataDir, ...(ipam ?? { ranges }) } });
    const outcome = await handleCniCall(by, made, { log });
    const output: unknown = outcome.stdout === "" ? undefined : JSON.parse(outcome.stdout);
    return { ...outcome, output };
  }
  /** Makes a call that must succeed. */
  async function done(made: LabCall, by = plugin): Promise<Result110> {
    const { exitCode, stdout, output } = await call(made, by);
    if (exitCode !== 0) throw new Error(stdout);
    return output as Result110;
  }
  /** Makes a call that must fail. */
  async function failed(made: LabCall, by = plugin): Promise<CniError> {
    const { exitCode, stdout, output } = await call(made, by);
    if (exitCode === 0) throw new Error(`the call succeeded: ${stdout}`);
    return output as CniError;
  }
  const lease = (ip: string, network = "net") => join(dataDir, network, ip);
  return {
    dataDir,
    plugin,
    log,
    call,
    done,
    failed,
    /** Makes an ADD that must succeed, and gives its addresses. */
    addresses: async (made: Omit<LabCall, "command">) =>
      (await done({ ...made, command: "ADD" })).ips?.map(({ address }) => address),
    /** The file of a lease. */
    lease,
    contentOf: (ip: string, network?: string) => readFileSync(lease(ip, network), "utf8"),
    /** The addresses that are leased. */
    leases: (network = "net") => readdirSync(join(dataDir, network)).filter((name) => /^[\d.]+$|:/.test(name)),
    /** The file with the namespaces of attachments. */
    journal: join(dataDir, ".kx", "net", "namespaces"),
    [Symbol.dispose]: () => rmSync(dataDir, { recursive: true }),
  };
}

/** The network namespace of a process, and its end. */
export async function vanishingNamespace() {
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  await once(child, "spawn");
  const path = `/proc/${child.pid}/ns/net`;
  readlinkSync(path);
  return {
    path,
    async end() {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
