// A daemon that is slower than the shim waits: before its ACCEPT somebody else does the work, after it nobody else.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { netnsContents } from "../../src/testing/netns.ts";
import { type DaemonLab, daemonLab } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared } from "../support/host.ts";

const patience = { timeout: 30_000, interval: 20 };
const impatient = { KX_CNI_CONNECT_MS: "0", KX_CNI_ACCEPT_MS: "100" };
const program = join(import.meta.dirname, "../../src/bin/kx-cni.ts");

/** A folder of executables with a Node program beside the shim, which writes down what it is called for. */
function withNodeProgram(lab: DaemonLab) {
  const [binDir, calls] = [join(lab.folder, "with-node"), join(lab.folder, "node-calls")];
  mkdirSync(binDir);
  copyFileSync(join(lab.folder, "kx-cni-shim"), join(binDir, "kx-cni-shim"));
  symlinkSync(join(binDir, "kx-cni-shim"), join(binDir, "kx-bridge"));
  writeFileSync(join(binDir, "kx-cni"), "");
  const script = `#!/bin/sh\necho "$CNI_COMMAND" >> "${calls}"\nexec "${process.execPath}" "${program}" "$2"\n`;
  writeFileSync(join(binDir, "node"), script);
  chmodSync(join(binDir, "node"), 0o755);
  return { binDir, called: () => (existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : []) };
}

it("does not carry out what the Node program has done meanwhile", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const { binDir, called } = withNodeProgram(lab);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  const call = { netns: pod.path, binDir, env: impatient };
  process.kill(daemon.pid, "SIGSTOP");
  const result = await lab.done({ ...call, command: "ADD" });
  expect(called()).toEqual(["ADD"]);
  process.kill(daemon.pid, "SIGCONT");

  // Calls are served in the order in which they came: when this one is answered, the ADD before is over.
  await lab.done({ command: "STATUS" });
  const kept = { command: "CHECK", netns: pod.path, config: { prevResult: { ...result } } };
  await lab.done(kept);
  expect([lab.leases(), await elementCount(host.netns)]).toEqual([["10.1.0.2"], 1]);
  await expect.poll(() => lab.locks()).toEqual([]);

  process.kill(daemon.pid, "SIGSTOP");
  await lab.done({ ...call, command: "DEL" });
  expect([called(), lab.queued()]).toEqual([["ADD", "DEL"], []]);
  process.kill(daemon.pid, "SIGCONT");
  expect(await lab.failed(kept)).toMatchObject({ code: 999 });
  expect([await netnsContents(pod), await shared(host.netns), lab.leases()]).toEqual([[], [], []]);
  expect(await daemon.stop()).toBe(0);
});

it("is waited for however long it takes from its ACCEPT on, and nobody else does the work", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const { binDir, called } = withNodeProgram(lab);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  // Accepting itself is not to be late here, whatever else this machine does: that is the test before.
  const env = { KX_CNI_CONNECT_MS: "20", KX_CNI_ACCEPT_MS: "5000" };
  for (const command of ["ADD", "DEL"]) {
    const held = lab.holdLeases();
    const began = performance.now();
    const call = lab.start({ command, netns: pod.path, binDir, env });
    await vi.waitFor(() => expect(lab.locks()).toHaveLength(1), patience);
    process.kill(daemon.pid, "SIGSTOP");
    // Longer than all that it waits for anything.
    await vi.waitFor(() => expect(performance.now() - began).toBeGreaterThan(6000), patience);
    expect([call.exitCode, call.signalCode]).toEqual([null, null]);
    held[Symbol.dispose]();
    process.kill(daemon.pid, "SIGCONT");
    expect(await call.outcome).toMatchObject({ exitCode: 0 });
  }
  expect([called(), lab.queued()]).toEqual([[], []]);
  await expect.poll(() => netnsContents(pod), patience).toEqual([]);
  expect(lab.leases()).toEqual([]);
  expect(await daemon.stop()).toBe(0);
});

it("finds the DELs that were kept while it did not answer", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  await lab.done({ command: "ADD", netns: pod.path });
  process.kill(daemon.pid, "SIGSTOP");
  await lab.done({ command: "DEL", netns: pod.path, env: impatient });
  expect([lab.queued().length, lab.leases()]).toEqual([1, ["10.1.0.2"]]);
  process.kill(daemon.pid, "SIGCONT");
  // An ADD comes after what was promised before.
  expect(await lab.done({ command: "ADD", netns: pod.path })).toMatchObject({ ips: [{ address: "10.1.0.3/24" }] });
  expect(lab.queued()).toEqual([]);
  await lab.done({ command: "DEL", netns: pod.path });
  await expect.poll(() => netnsContents(pod), patience).toEqual([]);
  expect(lab.leases()).toEqual([]);
  expect(await daemon.stop()).toBe(0);
});
