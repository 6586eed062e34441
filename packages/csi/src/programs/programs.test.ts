import { loadConfig, miniSchema } from "@kx/core/config";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Program, runHostpath, runSidecars } from "./index.ts";
import { healthOptions, sidecarOptions, sidecarShape } from "./sidecar-flags.ts";

const flags = async (...args: readonly string[]) => {
  const schema = miniSchema(z.strictObject(sidecarShape));
  const loaded = await loadConfig({ name: "test", schema, args, env: {}, envPrefix: "KX" });
  if (loaded.help !== undefined) throw new Error("help was not asked for");
  return sidecarOptions(loaded.value);
};
const backoff = { baseMs: 1000, maxMs: 300_000 };

describe("the flags of the sidecars", () => {
  it("change nothing where none is given", async () => {
    const none = { provisioner: {}, capacity: {}, attacher: {}, resizer: {}, snapshotter: {}, healthMonitor: {} };
    expect(await flags()).toEqual({ ...none, lease: {}, retryBackoff: backoff });
  });

  it("become options of the controllers", async () => {
    const timed = ["--timeout=15s", "--worker-threads=7", "--retry-interval-start=500ms", "--retry-interval-max=1m"];
    const made = ["--default-fstype=xfs", "--extra-create-metadata", "--volume-name-prefix=vol", "--strict-topology"];
    const told = ["--capacity-poll-interval=5m", "--reconcile-sync=2m", "--monitor-interval=1m30s"];
    const tls = ["--tls-cert=/tls.crt", "--tls-key=/tls.key", "--port=6443", "--audience=a"];
    const lease = ["--leader-election", "--leader-election-namespace=ns", "--leader-election-lease-duration=30s"];
    expect(
      await flags(
        ...timed,
        ...made,
        ...told,
        ...tls,
        "--max-streaming-duration-min=2",
        ...lease,
        "--immediate-topology=false",
      ),
    ).toMatchObject({
      callTimeoutMs: 15_000,
      concurrency: 7,
      retryBackoff: { baseMs: 500, maxMs: 60_000 },
      defaultFsType: "xfs",
      extraCreateMetadata: true,
      provisioner: { volumeNamePrefix: "vol", strictTopology: true, immediateTopology: false },
      capacity: { pollMs: 300_000 },
      attacher: { reconcileMs: 120_000 },
      healthMonitor: { intervalMs: 90_000 },
      snapshotMetadata: { certFile: "/tls.crt", keyFile: "/tls.key", port: 6443, audience: "a", maxStreamMs: 120_000 },
      leaderElection: true,
      lease: { namespace: "ns", leaseDurationMs: 30_000 },
    });
  });

  it.each([
    "--timeout=15",
    "--worker-threads=0",
    "--http-endpoint=9809",
    "--leader-electon",
    "--tls-cert=/x",
    "--port=70000",
  ])("refuse %s", async (flag) => {
    await expect(flags(flag)).rejects.toThrow(/KX_CONFIG_/);
  });

  it("say where health is served", () => {
    expect(healthOptions(undefined)).toBeUndefined();
    expect(healthOptions("127.0.0.1:9809")).toEqual({ host: "127.0.0.1", port: 9809 });
    expect(healthOptions("[::1]:0")).toEqual({ host: "::1", port: 0 });
    // All addresses, as Go reads it: to be refused, not narrowed in silence.
    expect(healthOptions(":8080")).toEqual({ host: "::", port: 8080 });
    expect(() => healthOptions("127.0.0.1:99999")).toThrow("KX_CONFIG_INVALID");
  });
});

describe("the help of the programs", () => {
  const helpOf = async (run: (program: Program) => Promise<unknown>) => {
    let text = "";
    const print = (given: string): undefined => void (text += given);
    await run({ name: "kx x", args: ["--help"], env: {}, signal: new AbortController().signal, print });
    return text;
  };
  const common = ["kubeconfig", "worker-threads", "http-endpoint", "leader-election", "log-level"];
  it.each([
    ["hostpath", runHostpath, ["endpoint", "node-id", "state-dir", "mode", "capacity", "attach", "embed"]],
    ["sidecars", runSidecars, ["csi-address", "controllers"]],
  ] as const)("of %s names its flags", async (_, run, own) => {
    const text = await helpOf(run);
    expect(text).toMatch(/^Usage: kx x/);
    for (const flag of [...own, ...common]) expect(text).toMatch(new RegExp(`--(\\[no-\\])?${flag} `));
  });
});
