// The driver is killed at each of its file calls and programs, in each call that makes or removes something: after a restart
// the retry gives what was asked for, whole, and nothing half-made is left.
import { execFile } from "node:child_process";
import { cp, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCsiDriver } from "@kx/csi";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asBlock, type CsiClients, csiClients, mounted } from "../support/csi-clients.ts";
import { digestOf, folderBytes, type HostpathCall, hostpathCalls, imageBytes } from "../support/hostpath-calls.ts";
import { canMount } from "../support/needs.ts";

const program = join(import.meta.dirname, "../support/hostpath-steps.ts");
const files = 60;

interface Served extends AsyncDisposable {
  readonly csi: CsiClients;
}

async function serve(folder: string): Promise<Served> {
  const driver = hostpath({ nodeId: "node-1", stateDir: join(folder, "state"), durability: "rename" });
  const stderr = { write: () => undefined };
  const endpoint = `unix://${folder}/csi.sock`;
  const running = await runCsiDriver(driver, { endpoint, io: { stderr }, signal: new AbortController().signal });
  await running.ready;
  const csi = csiClients(join(folder, "csi.sock"));
  return {
    csi,
    async [Symbol.asyncDispose]() {
      csi.close();
      await running.stop();
    },
  };
}

describe.skipIf(!canMount("crashes are not tried"))("a hostpath driver that is killed", () => {
  let template: string;
  let image: string;

  beforeAll(async () => {
    template = await mkdtemp(join(tmpdir(), "kx-csi-crash-"));
    await using served = await serve(template);
    const { controller } = served.csi;
    const make = async (
      name: string,
      requiredBytes: number,
      capability: ReturnType<typeof mounted | typeof asBlock>,
    ) => {
      const capacityRange = { requiredBytes: BigInt(requiredBytes), limitBytes: 0n };
      const { volume } = await controller.createVolume({ name, capacityRange, volumeCapabilities: [capability] });
      return volume?.volumeId ?? "";
    };
    const folderVolume = await make("folder", folderBytes, mounted());
    const path = join(template, "state/volumes", folderVolume);
    for (let index = 0; index < files; index++) await writeFile(join(path, `file-${index}`), `content ${index}`);
    const imageVolume = await make("image", imageBytes, asBlock());
    image = join(template, "state/volumes", imageVolume);
    await using file = await open(image, "r+");
    await file.write(Buffer.alloc(4096, "data"), 0, 4096, 512 * 1024);
    await controller.createSnapshot({ name: "snapshot", sourceVolumeId: folderVolume });
  });
  afterAll(() => rm(template, { recursive: true }));

  /** Resolves with the calls that it made, if it was not killed before its end. */
  const run = (folder: string, call: HostpathCall, at: number): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      execFile(process.execPath, [program, folder, "fsync", call, String(at)], (error, stdout, stderr) => {
        if (error?.signal !== "SIGKILL") return reject(new Error(`${call} was not killed: ${stderr}`));
        const [, calls] = /calls (\d+)/.exec(stdout) ?? [];
        resolve(calls === undefined ? undefined : Number(calls));
      });
    });

  const expectFiles = async (path: string, count: number): Promise<void> => {
    const names = await readdir(path);
    expect(names).toHaveLength(count);
    for (const name of names) expect(await readFile(join(path, name), "utf8")).toBe(name.replace("file-", "content "));
  };

  /** What has to be there when the call was made again. */
  const check = async (call: HostpathCall, id: string, folder: string): Promise<void> => {
    const path = join(folder, "state", call === "snapshotFolder" ? "snapshots" : "volumes", id);
    if (call === "create") await expectFiles(path, 0);
    if (["cloneFolder", "restoreFolder", "snapshotFolder"].includes(call)) await expectFiles(path, files);
    if (call === "createBlock") expect(digestOf(await readFile(path))).toBe(digestOf(Buffer.alloc(8 * 1024 ** 2)));
    if (call === "cloneImage") {
      const copy = await readFile(path);
      expect(copy).toHaveLength(8 * 1024 ** 2);
      expect(digestOf(copy.subarray(0, imageBytes))).toBe(digestOf(await readFile(image)));
    }
    expect(await readdir(join(folder, "state/making"))).toEqual([]);
    const added = call.startsWith("delete") ? -1 : 1;
    const isSnapshot = call.includes("napshot");
    expect(await readdir(join(folder, "state/volumes"))).toHaveLength(isSnapshot ? 2 : 2 + added);
    expect(await readdir(join(folder, "state/snapshots"))).toHaveLength(isSnapshot ? 1 + added : 1);
  };

  it.each(Object.keys(hostpathCalls) as HostpathCall[])("at each step of %s", { timeout: 300_000 }, async (call) => {
    let calls = Number.POSITIVE_INFINITY;
    for (let at = 1; at <= calls; at++) {
      const folder = join(template, `${call}-${at}`);
      await cp(join(template, "state"), join(folder, "state"), { recursive: true });
      const made = await run(folder, call, at);
      // It came to its end: this was one step too many.
      if (made !== undefined) calls = made;
      await using served = await serve(folder);
      await check(call, await hostpathCalls[call](served.csi), folder);
      await rm(folder, { recursive: true });
    }
    expect(calls).toBeGreaterThan(5);
  });
});
