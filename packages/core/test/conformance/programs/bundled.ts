// Makes a call of each way that @kx/core/linux has, in a folder that it is given, and prints what came of them as JSON.
import { closeSync, openSync, writeFileSync } from "node:fs";
import { KxError } from "@kx/core";
import { createBoundedCalls, createNetlinkWorker, tryLock } from "@kx/core/linux";

const [, , folder = ""] = process.argv;
await using calls = createBoundedCalls();
await using worker = createNetlinkWorker();

async function tried(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return KxError.from(error).message;
  }
}

function lock(): boolean {
  writeFileSync(`${folder}/lock`, "");
  const fd = openSync(`${folder}/lock`, "r");
  try {
    return tryLock(fd);
  } finally {
    closeSync(fd);
  }
}

/** The type of the first message of a dump of all links: nlmsghdr with RTM_GETLINK, then an empty ifinfomsg. */
async function firstLink(): Promise<number> {
  await using channel = await worker.open();
  const getLinks = new DataView(new ArrayBuffer(32));
  getLinks.setUint32(0, 32, true);
  getLinks.setUint16(4, 18, true);
  getLinks.setUint16(6, 0x301, true);
  await channel.send(new Uint8Array(getLinks.buffer));
  const answer = await channel.receive();
  return new DataView(answer.buffer, answer.byteOffset).getUint16(4, true);
}

console.log(
  JSON.stringify({
    stat: await tried(async () => (await calls.stat(folder)).kind),
    unmount: await tried(() => calls.unmount(`${folder}/none`)),
    lock: await tried(lock),
    netlink: await tried(firstLink),
  }),
);
