// The snapshot-metadata service over time: certificates that change, an API server that is away, and other ways to run and ask it.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { eventually } from "@kx/controllers/testing";
import { Health, ServingStatus } from "@kx/core/contracts/grpc-health";
import { SnapshotMetadata } from "@kx/core/contracts/snapshot-metadata";
import { createGrpcTlsClient } from "@kx/core/grpc";
import { runCsiDriver } from "@kx/csi";
import { hostpath } from "@kx/csi/hostpath";
import { SnapshotMetadataService } from "@kx/csi/snapshot-metadata";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BackupLab, changed, startBackupLab, testFolder, written } from "../support/backup-lab.ts";
import { type TestAuthority, testAuthority } from "../support/certificates.ts";
import { type CsiLab } from "../support/csi-lab.ts";
import { cuttableWay } from "../support/cut-off.ts";
import { goEnvironment, goTool } from "../support/go-program.ts";
import { freePort, rangesOf, type ServedMetadata, serveMetadataOf } from "../support/metadata-lab.ts";
import { startSidecars } from "../support/sidecar-process.ts";

const run = promisify(execFile);
const reloadMs = 100;

let backup: BackupLab;
let lab: CsiLab;
let driver = "";
let authority: TestAuthority;
let ca: string;
let namespace: string;
let served: ServedMetadata;

beforeAll(async () => {
  backup = await startBackupLab((stateDir) => hostpath({ nodeId: "node-1", stateDir, durability: "rename" }));
  ({ lab, authority, ca, namespace } = backup);
  driver = lab.driver.name;
  const { certFile, keyFile, caFile } = authority;
  served = await serveMetadataOf(lab, "in process", "inside", { certFile, keyFile, caFile, reloadMs });
});
afterAll(async () => {
  await served?.[Symbol.asyncDispose]();
  await backup?.[Symbol.asyncDispose]();
});

const asking = async () => ({
  // Nobody has named another audience.
  securityToken: await backup.tokenOf("backup", driver),
  namespace,
  snapshotName: "base",
});
const allocated = async (service: Pick<ServedMetadata, "connect">, trusted = ca) => {
  await using client = service.connect(trusted);
  return await rangesOf(client.calls.getMetadataAllocated(await asking(), { timeoutMs: 10_000 }));
};

/** The name in the certificate that a new connection is shown. */
function shownAt(address: string): Promise<string> {
  const port = Number(address.split(":")[1]);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "localhost", ca, servername: "localhost", ALPNProtocols: ["h2"] }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("the certificate", () => {
  it("is read again when it changes, for new connections; those that are made go on", async () => {
    await using before = served.connect(ca);
    expect(await rangesOf(before.calls.getMetadataAllocated(await asking()))).toEqual(written);
    expect(await shownAt(served.address)).toBe("first");
    await authority.issue("second");
    await eventually(async () => (await shownAt(served.address)) === "second", { describe: "the second certificate" });
    expect(await rangesOf(before.calls.getMetadataAllocated(await asking()))).toEqual(written);
    expect(await allocated(served)).toEqual(written);
  });

  it("stays what it was while its files cannot be used, which is told once", async () => {
    const good = await readFile(authority.certFile, "utf8");
    const told = () => served.log.messages("warn").filter((message) => message.startsWith("changed files not taken"));
    const before = told().length;
    await writeFile(authority.certFile, "half of a certif");
    await eventually(async () => told().length > before, { describe: "the warning" });
    expect(await allocated(served)).toEqual(written);
    expect(told()).toHaveLength(before + 1);
    await writeFile(authority.certFile, good);
  });
});

describe("the SnapshotMetadataService", () => {
  const find = () => lab.client.get(SnapshotMetadataService, { name: driver });

  it("tells address, audience and authority, and is set right when others change it", async () => {
    const right = { address: served.address, audience: driver, caCert: Buffer.from(ca).toString("base64") };
    expect((await find()).spec).toEqual(right);
    const wrong = { spec: { address: "elsewhere:1" } };
    await lab.client.patch(SnapshotMetadataService, { name: driver }, wrong, { type: "merge" });
    await eventually(async () => (await find()).spec.address === served.address, { describe: "the right address" });
    await lab.client.delete(SnapshotMetadataService, { name: driver });
    await eventually(async () => (await find()).spec, { describe: "it to be made again" });
    expect((await find()).spec).toEqual(right);
  });

  it("follows the authority's file", async () => {
    await using other = await testFolder();
    const renewed = `${ca}${await readFile((await testAuthority(other.path)).caFile, "utf8")}`;
    await writeFile(authority.caFile, renewed);
    const caCert = Buffer.from(renewed).toString("base64");
    await eventually(async () => (await find()).spec.caCert === caCert, { describe: "the renewed authority" });
    await writeFile(authority.caFile, ca);
    await eventually(async () => (await find()).spec.caCert !== caCert, { describe: "the old one" });
  });
});

it("is UNAVAILABLE while the API server is away, and serves when it is back", async () => {
  const { certFile, keyFile } = authority;
  await using way = await cuttableWay(await lab.cluster.addUser("cut-off"));
  const options = { certFile, keyFile, audience: driver };
  await using service = await serveMetadataOf(lab, "in process", "cut-off", options, way.kubeconfig);
  expect(await allocated(service)).toEqual(written);
  await way.cut();
  await expect(allocated(service)).rejects.toMatchObject({ code: "KX_GRPC_UNAVAILABLE" });
  await way.join();
  await eventually(() => allocated(service).catch(() => undefined), { describe: "an answer" });
});

it("says without a SnapshotMetadataService that it cannot know the audience", async () => {
  const { certFile, keyFile } = authority;
  await using quiet = await serveMetadataOf(lab, "in process", "quiet", { certFile, keyFile });
  expect(await allocated(quiet)).toEqual(written);
  const name = "absent.example.com";
  const nameless = Object.create(lab, { driver: { value: { ...lab.driver, name } } }) as CsiLab;
  await using lost = await serveMetadataOf(nameless, "in process", "lost", { certFile, keyFile });
  await expect(allocated(lost)).rejects.toMatchObject({
    code: "KX_GRPC_INTERNAL",
    message: expect.stringContaining("cannot read the SnapshotMetadataService absent.example.com"),
  });
});

it("tells its health in gRPC's own way, and its calls as metrics", async () => {
  await allocated(served);
  await using health = createGrpcTlsClient(Health, { address: served.address, ca });
  for (const service of ["", "snapshotmetadata.SnapshotMetadata"]) {
    expect(await health.calls.check({ service })).toMatchObject({ status: ServingStatus.SERVING });
  }
  await expect(health.calls.check({ service: "other" })).rejects.toMatchObject({ code: "KX_GRPC_NOT_FOUND" });
  expect(Object.keys((await health.calls.list({})).statuses)).toHaveLength(2);
  const watched = health.calls.watch({})[Symbol.asyncIterator]();
  expect(await watched.next()).toMatchObject({ value: { status: ServingStatus.SERVING } });
  const text = await served.metrics();
  const labels = [
    'method_name="/snapshotmetadata.SnapshotMetadata/GetMetadataAllocated"',
    'grpc_status_code="OK"',
    `driver_name="${driver}"`,
  ];
  const line = text
    .split("\n")
    .find((each) => each.startsWith("snapshot_metadata_controller_operations_seconds_count"));
  for (const label of labels) expect(line).toContain(label);
});

it("runs as kx-csi-sidecar before a driver's socket, by the flags of upstream's sidecar", async () => {
  const port = await freePort();
  await using sidecar = startSidecars([
    `--csi-address=${lab.endpoint.replace("unix://", "")}`,
    "--controllers=snapshot-metadata",
    `--kubeconfig=${lab.cluster.kubeconfig}`,
    `--tls-cert=${authority.certFile}`,
    `--tls-key=${authority.keyFile}`,
    `--port=${port}`,
    `--audience=${driver}`,
  ]);
  await sidecar.said("snapshot-metadata service ready");
  const address = `localhost:${port}`;
  const asked = await asking();
  await using client = createGrpcTlsClient(SnapshotMetadata, { address, ca });
  expect(await rangesOf(client.calls.getMetadataAllocated(asked))).toEqual(written);
  sidecar.kill("SIGTERM");
  expect(await sidecar.ended).toEqual([0, null]);
});

it("runs beside a driver of its process, by a name of embed", async () => {
  await using place = await testFolder();
  const port = await freePort();
  const { certFile, keyFile } = authority;
  const snapshotMetadata = { certFile, keyFile, port, host: "127.0.0.1", audience: "other" };
  const other = hostpath({ name: "other.csi.kx.dev", nodeId: "node-1", stateDir: join(place.path, "state") });
  await using running = await runCsiDriver(other, {
    endpoint: `unix://${place.path}/csi.sock`,
    nodeName: "node-1",
    kubeconfig: lab.cluster.kubeconfig,
    embed: { parts: ["snapshot-metadata"], snapshotMetadata },
    log: lab.log,
  });
  await running.ready;
  await using health = createGrpcTlsClient(Health, { address: `localhost:${port}`, ca });
  const answer = await health.calls.check({}, { waitForReady: true, timeoutMs: 20_000 });
  expect(answer.status).toBe(ServingStatus.SERVING);
});

describe("a program in Go, with gRPC's own library and upstream's stubs", () => {
  const env = goEnvironment();
  if (env === undefined) {
    const told = "the service is not asked from Go: there is no Go to build a program with";
    if (process.env["CI"] === "true") throw new Error(told);
    console.error(told);
  }
  let lister: string;
  // The first build compiles grpc-go.
  beforeAll(() => {
    const pkg = "kx.dev/csi/metadata-lister";
    if (env !== undefined) lister = goTool(join(import.meta.dirname, "programs/metadata-lister"), pkg, env);
  }, 600_000);

  it.skipIf(env === undefined)("reads all ranges, and the status of what fails", async () => {
    const { securityToken } = await asking();
    const list = async (snapshot: string, earlier: string) => {
      const args = [served.address, authority.caFile, securityToken, namespace, snapshot, earlier, "1"];
      const { stdout } = await run(lister, args);
      return stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ").map(Number));
    };
    expect(await list("base", "")).toEqual(written);
    expect(await list("target", backup.baseHandle)).toEqual(changed);
    await expect(list("absent", "")).rejects.toThrow(/code = NotFound desc = there is no VolumeSnapshot/);
  });
});
