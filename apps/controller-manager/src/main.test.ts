import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const built = fileURLToPath(new URL("../dist/main.js", import.meta.url));

it("runs the foo controller, is not ready without an API server, and stops at a signal", async () => {
  const args = [built, "--health-port=0", "--kubeconfig=/nonexistent/kubeconfig"];
  const child = spawn(process.execPath, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  const [first] = await once(createInterface({ input: child.stderr }), "line", { signal: AbortSignal.timeout(15_000) });
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(first))?.[0];
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const readiness = await fetch(`${url}/readyz`);
  expect(readiness.status).toBe(503);
  expect(await readiness.text()).toMatch(/^foo\//m);
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^process_resident_memory_bytes \d+$/m);
  child.kill("SIGINT");
  expect(await exited).toEqual([0, null]);
});

const run = promisify(execFile);

it("renders what its extensions need, with the rights to a lease only where leaders are elected", async () => {
  const render = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await run(process.execPath, [built, "--render=n", ...args], { env: {} });
    const objects = JSON.parse(stdout) as { kind: string; metadata: { name: string } }[];
    return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  };
  const plain = await render();
  expect(plain).toContain("ClusterRole kx:controller:foo");
  expect(await render("--leader-elect", "--leader-elect-lease-name=l")).toEqual([
    "Role kx:leader-election:l",
    ...plain,
  ]);
});

it("brings what a cluster has once for storage, off unless its configuration names it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kx-manager-"));
  try {
    const render = async (...extensions: object[]) => {
      const config = join(folder, "host.json");
      const configuration = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions };
      await writeFile(config, JSON.stringify(configuration));
      // Nothing is installed beside the configuration.
      const args = [built, "--render=n", `--config=${config}`, `--extensions-dir=${folder}`];
      const { stdout } = await run(process.execPath, args, { env: {} });
      const objects = JSON.parse(stdout) as { kind: string; metadata: { name: string } }[];
      return objects.filter(({ kind }) => kind === "CustomResourceDefinition").map(({ metadata }) => metadata.name);
    };
    expect(await render({ package: "@kx/controllers/foo" })).toEqual(["foos.samplecontroller.k8s.io"]);
    const snapshots = { package: "@kx/csi/snapshot-controller", options: { groups: false } };
    const crds = await render(snapshots, { package: "@kx/csi/data-source-validator" });
    expect(crds.toSorted()).toEqual([
      "volumepopulators.populator.storage.k8s.io",
      "volumesnapshotclasses.snapshot.storage.k8s.io",
      "volumesnapshotcontents.snapshot.storage.k8s.io",
      "volumesnapshots.snapshot.storage.k8s.io",
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("refuses times that would allow two leaders, and a pod without its namespace", async () => {
  const times = run(process.execPath, [built, "--leader-elect", "--leader-elect-renew-deadline=20s"], { env: {} });
  await expect(times).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--leader-elect-lease-duration"),
  });
  const inPod = run(process.execPath, [built], { env: { KUBERNETES_SERVICE_HOST: "10.96.0.1" } });
  await expect(inPod).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("--leader-elect-namespace") });
});
