// Makes system calls in the mount and network namespaces it was started in, and prints what came of them as JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { KxError } from "@kx/core";
import {
  createBoundedCalls,
  createNetlinkWorker,
  inNetns,
  mountNow,
  openBeneath,
  readMountInfo,
  tryLock,
  unlockFile,
  unmountNow,
  unshareNet,
} from "@kx/core/linux";

const folder = process.argv[2] ?? "";
const at = (name: string) => join(folder, name);

function codeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return KxError.is(error) ? [error.code, error.details["errno"]] : String(error);
  }
}

async function mounts(): Promise<unknown> {
  for (const name of ["tmp", "bound"]) mkdirSync(at(name));
  const options = ["size=1m", "nosuid", "rslave"];
  mountNow({ source: "kx", target: at("tmp"), type: "tmpfs", options });
  mountNow({ source: at("tmp"), target: at("bound"), options: ["bind", "ro"] });
  const found = (await readMountInfo()).filter((mount) => mount.mountPoint.startsWith(folder));
  const write = codeOf(() => openBeneath(at("bound"), "x", constants.O_CREAT | constants.O_WRONLY));
  writeFileSync(at("tmp/held"), "");
  const held = openSync(at("tmp/held"), "r");
  const busy = codeOf(() => unmountNow(at("tmp")));
  closeSync(held);
  unmountNow(at("bound"));
  unmountNow(at("tmp"), { lazy: true });
  // The first step of a mount is undone when a later one fails: this type has no such option.
  const undone = codeOf(() => mountNow({ source: at("nothing"), target: at("tmp"), options: ["bind", "ro"] }));
  const left = (await readMountInfo()).filter((mount) => mount.mountPoint.startsWith(folder)).length;
  const shown = found.map(({ mountPoint, fsType, options: own, superOptions }) => [
    mountPoint.slice(folder.length),
    fsType,
    own.slice(0, 2),
    superOptions.includes("size=1024k"),
  ]);
  return { shown, write, busy, undone, left };
}

async function bounded(): Promise<unknown> {
  mkdirSync(at("volume"));
  await using calls = createBoundedCalls();
  await calls.mount({ source: "kx", target: at("volume"), type: "tmpfs", options: ["size=4m"] });
  const { totalBytes } = await calls.statfs(at("volume"));
  await calls.unmount(at("volume"));
  const again = await calls.unmount(at("volume")).catch((error: unknown) => KxError.from(error).details);
  return { totalBytes: String(totalBytes), again };
}

function beneath(): unknown {
  mkdirSync(at("root/sub"), { recursive: true });
  writeFileSync(at("secret"), "");
  symlinkSync(at("secret"), at("root/link"));
  symlinkSync("sub", at("root/sub-link"));
  const open = (path: string, flags = constants.O_RDONLY) =>
    codeOf(() => closeSync(openBeneath(at("root"), path, flags)));
  const fd = openBeneath(at("root"), "sub/new", constants.O_CREAT | constants.O_WRONLY, 0o640);
  writeSync(fd, "made");
  closeSync(fd);
  return {
    made: open("sub/new") ?? "opened",
    refused: ["link", "../secret", "/etc/passwd", "sub-link/new", "sub/../../secret", "a\0b"].map((path) => open(path)),
    missing: open("none"),
  };
}

function locks(): unknown {
  writeFileSync(at("lock"), "");
  const [one, two] = [openSync(at("lock"), "r"), openSync(at("lock"), "r")];
  const first = [tryLock(one), tryLock(two), tryLock(two, "shared")];
  unlockFile(one);
  return [...first, tryLock(two)];
}

/** A dump of all links: nlmsghdr with RTM_GETLINK, then an empty ifinfomsg. */
const getLinks = new Uint8Array(32);
new DataView(getLinks.buffer).setUint32(0, 32, true);
new DataView(getLinks.buffer).setUint16(4, 18, true);
new DataView(getLinks.buffer).setUint16(6, 0x301, true);

async function links(netns?: string): Promise<readonly number[]> {
  await using worker = createNetlinkWorker();
  await using channel = await worker.open(netns === undefined ? {} : { netns });
  await channel.send(getLinks);
  const types: number[] = [];
  for (;;) {
    const bytes = await channel.receive();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset < bytes.byteLength; offset += (view.getUint32(offset, true) + 3) & ~3) {
      const type = view.getUint16(offset + 4, true);
      if (type === 3) return types;
      types.push(type);
    }
  }
}

async function netlink(): Promise<unknown> {
  const other = spawn("unshare", ["--net", "sh", "-c", "echo up; exec sleep 1000"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  const path = `/proc/${other.pid}/ns/net`;
  const ownNetns = () => readlinkSync("/proc/thread-self/ns/net");
  const before = ownNetns();
  try {
    const inside = inNetns(path, ownNetns);
    const failed = codeOf(() =>
      inNetns(path, () => {
        throw new Error("work failed");
      }),
    );
    await using worker = createNetlinkWorker();
    await using silent = await worker.open({ timeoutMs: 20 });
    const late = await silent.receive().catch((error: unknown) => KxError.from(error).details["errno"]);
    await silent.close();
    const closed = await silent.receive().catch((error: unknown) => KxError.from(error).code);
    return {
      own: await links(),
      other: await links(path),
      isElsewhere: inside !== before && inside === readlinkSync(path),
      isBack: ownNetns() === before,
      failed,
      late,
      closed,
    };
  } finally {
    other.kill("SIGKILL");
    await once(other, "exit");
  }
}

const result = {
  mounts: await mounts(),
  bounded: await bounded(),
  beneath: beneath(),
  locks: locks(),
  netlink: await netlink(),
};
const before = readlinkSync("/proc/thread-self/ns/net");
unshareNet();
console.log(JSON.stringify({ ...result, isUnshared: readlinkSync("/proc/thread-self/ns/net") !== before }));
