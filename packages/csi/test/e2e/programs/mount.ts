// Mounts in the mount namespace that it was started in, and prints what came of it as JSON.
import { closeSync, constants, existsSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { KxError } from "@kx/core";
import { mountNow, readMountInfo } from "@kx/core/linux";
import {
  attachLoop,
  createMounter,
  detachLoops,
  deviceSize,
  findLoops,
  formatDevice,
  growFileSystem,
  probeDevice,
  refreshLoops,
} from "@kx/csi/mount";

const folder = process.argv[2] ?? "";
const at = (name: string) => join(folder, name);
const volumeId = "volume";
await using mounter = createMounter();

async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    return (await work()) ?? "done";
  } catch (error) {
    if (KxError.is(error)) return [error.code, error.details["errno"]].filter((one) => one !== undefined);
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
async function mountedBelow(path: string): Promise<readonly string[]> {
  return (await readMountInfo()).map(({ mountPoint }) => mountPoint).filter((one) => one.startsWith(path));
}

async function binding(): Promise<unknown> {
  for (const name of ["source", "other"]) mkdirSync(at(name));
  const request = { volumeId, source: at("source"), target: at("bound"), kind: "folder" } as const;
  await mounter.bind(request);
  await mounter.bind(request);
  const mounts = (await mountedBelow(at("bound"))).length;
  await writeFile(at("bound/written"), "text");
  const seen = await readFile(at("source/written"), "utf8");
  const other = await codeOf(() => mounter.bind({ ...request, source: at("other") }));
  const readOnlyThen = await codeOf(() => mounter.bind({ ...request, readOnly: true }));
  await mounter.bind({ ...request, target: at("bound-ro"), readOnly: true, options: ["noexec"] });
  const write = await codeOf(() => writeFile(at("bound-ro/x"), ""));
  const options = (await mounter.mountAt(at("bound-ro")))?.options.filter((one) => ["ro", "noexec"].includes(one));
  const uses = (await mounter.boundAt(at("source"))).map((path) => path.slice(folder.length));
  writeFileSync(at("file"), "content");
  await mounter.bind({ volumeId, source: at("file"), target: at("bound-file"), kind: "file" });
  const file = await readFile(at("bound-file"), "utf8");
  for (const name of ["bound", "bound-ro", "bound-file"])
    await mounter.unmountAndRemove({ volumeId, target: at(name) });
  const isRemoved = ["bound", "bound-ro", "bound-file"].map((name) => existsSync(at(name)));
  return { mounts, seen, other, readOnlyThen, write, options, uses, file, isRemoved };
}

/** Targets as a process that was killed leaves them. */
async function halfMade(): Promise<unknown> {
  const end = (name: string) => codeOf(() => mounter.unmountAndRemove({ volumeId, target: at(name) }));
  mkdirSync(at("made"));
  writeFileSync(at("made-file"), "");
  mkdirSync(at("twice"));
  for (const source of ["source", "other"]) mountNow({ source: at(source), target: at("twice"), options: ["bind"] });
  mkdirSync(at("full"));
  writeFileSync(at("full/somebody's"), "");
  writeFileSync(at("full-file"), "content");
  const results = {
    made: await end("made"),
    file: await end("made-file"),
    twice: await end("twice"),
    missing: await end("missing"),
    missingParent: await end("missing/target"),
    full: await end("full"),
    fullFile: await end("full-file"),
  };
  const left = ["made", "made-file", "twice"].filter((name) => existsSync(at(name)));
  const kept = [await readdir(at("full")), await readFile(at("full-file"), "utf8")];
  mkdirSync(at("staged"));
  mountNow({ source: at("source"), target: at("staged"), options: ["bind"] });
  await mounter.unmount({ volumeId, target: at("staged") });
  await mounter.unmount({ volumeId, target: at("staged") });
  return { results, left, kept, staged: existsSync(at("staged")), mounted: await mountedBelow(at("staged")) };
}

async function devices(): Promise<unknown> {
  const size = 32 * 1024 ** 2;
  await writeFile(at("image"), "");
  await truncate(at("image"), size);
  const device = await attachLoop(at("image"));
  const isSame = (await attachLoop(at("image"))) === device;
  const request = { volumeId, device, fsType: "ext4" } as const;
  const before = await probeDevice(mounter, request);
  await formatDevice(mounter, request);
  await mounter.mountDevice({ ...request, target: at("fs") });
  await mounter.mountDevice({ ...request, target: at("fs") });
  await writeFile(at("fs/kept"), "text");
  await mounter.unmount({ volumeId, target: at("fs") });
  await formatDevice(mounter, request);
  const asXfs = await codeOf(() => formatDevice(mounter, { ...request, fsType: "xfs" }));
  await truncate(at("image"), 2 * size);
  await refreshLoops(at("image"));
  await growFileSystem(mounter, request);
  await mounter.mountDevice({ ...request, target: at("fs"), readOnly: true });
  const { totalBytes } = await mounter.statfs(volumeId, at("fs"));
  const kept = await readFile(at("fs/kept"), "utf8");
  const write = await codeOf(() => writeFile(at("fs/x"), ""));
  await mounter.unmountAndRemove({ volumeId, target: at("fs") });
  const readOnly = await attachLoop(at("image"), { readOnly: true });
  const loops = (await findLoops(at("image"))).map((loop) => String(loop.readOnly)).toSorted();
  const grown = (await deviceSize(readOnly)) === BigInt(2 * size);
  await detachLoops(at("image"));
  const isGrown = totalBytes > BigInt(1.5 * size);
  return { isSame, before, asXfs, isGrown, kept, write, loops, grown, left: await findLoops(at("image")) };
}

/** What is not known to be empty is not formatted. */
async function occupied(): Promise<unknown> {
  const size = 16 * 1024 ** 2;
  const contents: Readonly<Record<string, readonly [number, string]>> = {
    garbage: [1024 ** 2, "x"],
    atTheEnd: [size - 1, "x"],
    xfs: [0, "XFSB"],
    partitions: [512, "EFI PART"],
    luks: [0, "LUKS\xba\xbe"],
    lvm: [512, "LABELONE"],
  };
  const results: Record<string, unknown> = {};
  for (const [name, [offset, text]] of Object.entries(contents)) {
    const path = at(`occupied-${name}`);
    await using file = await open(path, "w+");
    await file.truncate(size);
    await file.write(Buffer.from(text, "latin1"), 0, text.length, offset);
    const device = await attachLoop(path);
    results[name] = await codeOf(() => formatDevice(mounter, { volumeId, device, fsType: "ext4" }));
    const after = Buffer.alloc(text.length);
    await file.read(after, 0, text.length, offset);
    if (after.toString("latin1") !== text) results[name] = "overwritten";
    await detachLoops(path);
  }
  return results;
}

/** A FUSE file system whose server does not answer, then is gone. */
async function hung(): Promise<unknown> {
  await using quick = createMounter({ deadlineMs: 1500 });
  mkdirSync(at("fuse"));
  const server = openSync("/dev/fuse", constants.O_RDWR);
  const options = [`fd=${server}`, "rootmode=40000", "user_id=0", "group_id=0"];
  mountNow({ source: "kx", target: at("fuse"), type: "fuse", options });
  const first = await codeOf(() => quick.statfs("hanging", at("fuse")));
  const shown = quick.hung.map(({ call, path }) => [call, path.slice(folder.length)]);
  const sameVolume = await codeOf(() => quick.stat("hanging", at("source")));
  const otherVolume = (await quick.stat("other", at("source"))).kind;
  closeSync(server);
  for (const end = Date.now() + 20_000; quick.hung.length > 0 && Date.now() < end; ) await quick.mountAt(at("fuse"));
  const stillHung = quick.hung.length;
  const isStale = await quick.isStale({ volumeId: "hanging", target: at("fuse") });
  const isBoundStale = await quick.isStale({ volumeId: "other", target: at("source") });
  await quick.unmountAndRemove({ volumeId: "hanging", target: at("fuse") });
  return {
    first,
    shown,
    sameVolume,
    otherVolume,
    stillHung,
    isStale,
    isBoundStale,
    isRemoved: !existsSync(at("fuse")),
  };
}

/** Targets below the kubelet's folder only, whatever pods put in the place of folders there. */
async function confined(): Promise<unknown> {
  mkdirSync(at("kubelet/pods/pod"), { recursive: true });
  mkdirSync(at("outside"));
  symlinkSync(at("outside"), at("kubelet/pods/link"));
  symlinkSync(at("kubelet"), at("kubelet-link"));
  await using own = createMounter({ kubeletDir: at("kubelet-link") });
  const bind = (target: string) =>
    codeOf(() => own.bind({ volumeId, source: at("source"), target, kind: "folder", readOnly: true }));
  const results = {
    outside: await bind(at("outside/target")),
    upwards: await bind(at("kubelet-link/../outside/target")),
    throughLink: await bind(at("kubelet-link/pods/link/target")),
    within: await bind(at("kubelet-link/pods/pod/target")),
    again: await bind(at("kubelet/pods/pod/target")),
  };
  const options = (await own.mountAt(at("kubelet/pods/pod/target")))?.options.includes("ro");
  await own.unmountAndRemove({ volumeId, target: at("kubelet-link/pods/pod/target") });
  const race = await swapped(own);
  return { results, options, race, left: await mountedBelow(folder) };
}

/** Binds again and again while a thread puts a link in the place of the target's folder. */
async function swapped(own: ReturnType<typeof createMounter>): Promise<unknown> {
  const turns = new Int32Array(new SharedArrayBuffer(4));
  const swap = `
    const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
    const { workerData: { pod, aside, outside, turns, stop } } = require("node:worker_threads");
    while (Atomics.load(stop, 0) === 0) {
      renameSync(pod, aside);
      symlinkSync(outside, pod);
      unlinkSync(pod);
      renameSync(aside, pod);
      Atomics.add(turns, 0, 1);
    }`;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const paths = { pod: at("kubelet/pods/pod"), aside: at("kubelet/pods/aside"), outside: at("outside") };
  const thread = new Worker(swap, { eval: true, workerData: { ...paths, turns, stop } });
  const target = at("kubelet/pods/pod/target");
  const outcomes: Record<string, number> = {};
  const note = (outcome: unknown) => {
    const key = JSON.stringify(outcome);
    outcomes[key] = (outcomes[key] ?? 0) + 1;
  };
  const end = Date.now() + 30_000;
  // Until both were seen often: a mount that was made, and one that was refused since a link was there.
  const isEnough = () => (outcomes['"done"'] ?? 0) > 20 && (outcomes['["KX_LINUX_BENEATH"]'] ?? 0) > 20;
  while (!isEnough() && Date.now() < end) {
    note(await codeOf(() => own.bind({ volumeId, source: at("source"), target, kind: "folder", readOnly: true })));
    await codeOf(() => own.unmountAndRemove({ volumeId, target }));
  }
  Atomics.store(stop, 0, 1);
  await new Promise((resolve) => void thread.on("exit", resolve));
  // What was mounted while the folder was elsewhere has moved along with it.
  await own.unmountAndRemove({ volumeId, target });
  return {
    isTried: isEnough() || outcomes,
    outside: await readdir(at("outside")),
    hasSwapped: Atomics.load(turns, 0) > 100,
  };
}

const results = {
  binding: await binding(),
  halfMade: await halfMade(),
  devices: await devices(),
  occupied: await occupied(),
  hung: await hung(),
  confined: await confined(),
};
await rm(at("kubelet"), { recursive: true });
statSync(folder);
process.stdout.write(JSON.stringify(results));
