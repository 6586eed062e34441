// The index of a folder of leases must be right whoever else has changed the folder, and however fast.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kx/core";
import { tryLock } from "@kx/core/linux";
import { formatIp, type Ip, parseIp } from "@kx/core/units";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Waiter } from "./folder-lock.ts";
import { createLeaseFolder, type LeaseFolder } from "./lease-folder.ts";

const waiter: Waiter = { signal: new AbortController().signal, clock: systemClock, waitMs: 30_000 };
let path: string;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "kx-leases-")), "net");
});
afterEach(() => rmSync(join(path, ".."), { recursive: true }));

const ipOf = (host: number): Ip => parseIp(`10.0.0.${host}`);
const write = (folder: LeaseFolder, host: number, containerId: string) =>
  folder.use(waiter, (leases) => leases.write(ipOf(host), { containerId, ifName: "eth0" }));
const remove = (folder: LeaseFolder, host: number) =>
  folder.use(waiter, (leases) => leases.remove(formatIp(ipOf(host))));
const seen = (folder: LeaseFolder) =>
  folder.use(waiter, ({ index }) =>
    Object.fromEntries([...index.entries()].filter(({ ip }) => ip).map(({ name, content }) => [name, content])),
  );

/** What is on the disk, as the Go plug-in reads it. */
function onDisk(): Record<string, string> {
  const names = readdirSync(path).filter((name) => name.startsWith("10."));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), "utf8")]));
}

describe("a folder of leases", () => {
  it("has the files and the modes of the Go plug-in, and nothing else", async () => {
    const folder = createLeaseFolder(path);
    expect(folder.exists()).toBe(false);
    await write(folder, 2, "a");
    await folder.use(waiter, (leases) => leases.reserve(0, ipOf(2)));
    expect(readdirSync(path).toSorted()).toEqual(["10.0.0.2", "last_reserved_ip.0", "lock"]);
    expect(onDisk()).toEqual({ "10.0.0.2": "a\r\neth0" });
    expect(readFileSync(join(path, "last_reserved_ip.0"), "utf8")).toBe("10.0.0.2");
    expect(statSync(join(path, "10.0.0.2")).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o755);
  });

  it("shortens the last reserved address that it replaces, and takes a torn one for none", async () => {
    const folder = createLeaseFolder(path);
    await folder.use(waiter, (leases) => {
      leases.reserve(0, ipOf(200));
      leases.reserve(0, ipOf(3));
      expect(leases.lastReserved(0)).toEqual(ipOf(3));
      expect(leases.lastReserved(1)).toBeUndefined();
    });
    expect(readFileSync(join(path, "last_reserved_ip.0"), "utf8")).toBe("10.0.0.3");
    writeFileSync(join(path, "last_reserved_ip.0"), "10.0.");
    expect(await createLeaseFolder(path).use(waiter, (leases) => leases.lastReserved(0))).toBeUndefined();
  });

  it("sees what others add, remove and give to another, also within a tick of the clock", async () => {
    // Each step follows the one before at once, so that times of files and folders are often the same.
    const step = fc.record({
      by: fc.constantFrom("one", "two", "other"),
      host: fc.integer({ min: 2, max: 6 }),
      owner: fc.constantFrom("", "a", "b", "c"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path);
        const folders = { one: createLeaseFolder(path), two: createLeaseFolder(path) };
        for (const { by, host, owner } of steps) {
          const file = join(path, `10.0.0.${host}`);
          if (by !== "other") await (owner === "" ? remove(folders[by], host) : write(folders[by], host, owner));
          else {
            rmSync(file, { force: true });
            if (owner !== "") writeFileSync(file, `${owner}\r\neth0`);
          }
          const disk = onDisk();
          expect(await seen(folders.one)).toEqual(disk);
          if (host % 2 === 0) expect(await seen(folders.two)).toEqual(disk);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("reads files again only after another's change", async () => {
    const folder = createLeaseFolder(path);
    await write(folder, 2, "a");
    // A change of a file's content alone leaves the folder as it is: no plug-in does so.
    writeFileSync(join(path, "10.0.0.2"), "b\r\neth0");
    expect(await seen(folder)).toEqual({ "10.0.0.2": "a\r\neth0" });
    writeFileSync(join(path, "10.0.0.3"), "c\r\neth0");
    expect(await seen(folder)).toEqual(onDisk());
  });

  it("is read anew after it was removed", async () => {
    const folder = createLeaseFolder(path);
    await write(folder, 2, "a");
    rmSync(path, { recursive: true });
    expect(await seen(folder)).toEqual({});
    await write(folder, 3, "b");
    expect(await seen(folder)).toEqual({ "10.0.0.3": "b\r\neth0" });
  });

  it.each(["", " \n", "\0\0\0\0"])(
    "takes a file with %j for torn: its address is free, and can be written",
    async (text) => {
      mkdirSync(path);
      writeFileSync(join(path, "10.0.0.2"), text);
      const folder = createLeaseFolder(path);
      expect(await folder.use(waiter, ({ index }) => index.isTaken(ipOf(2)))).toBe(false);
      await write(folder, 2, "a");
      expect(onDisk()).toEqual({ "10.0.0.2": "a\r\neth0" });
      expect(await folder.use(waiter, ({ index }) => index.isTaken(ipOf(2)))).toBe(true);
    },
  );

  it("ignores white space around a content, and folders", async () => {
    mkdirSync(join(path, "10.0.0.9"), { recursive: true });
    writeFileSync(join(path, "10.0.0.2"), "  a\r\neth0\n");
    expect(await seen(createLeaseFolder(path))).toEqual({ "10.0.0.2": "a\r\neth0" });
  });

  it("keeps an index that is right after a failure", async () => {
    const folder = createLeaseFolder(path);
    await write(folder, 2, "a");
    await expect(
      folder.use(waiter, (leases) => {
        leases.write(ipOf(3), { containerId: "b", ifName: "eth0" });
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await seen(folder)).toEqual(onDisk());
    // Where a folder has the address's name, no file can take it.
    mkdirSync(join(path, "10.0.0.4"));
    await expect(write(folder, 4, "c")).rejects.toThrow("KX_CNI_IO");
    expect(readdirSync(path)).not.toContain(".kx-lease");
    expect(Object.keys(await seen(folder))).toEqual(["10.0.0.2", "10.0.0.3"]);
  });
});

describe("the lock", () => {
  const holdLock = () => {
    mkdirSync(path, { recursive: true });
    const fd = openSync(join(path, "lock"), "a");
    if (!tryLock(fd)) throw new Error("the lock is held");
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  };

  it("is waited for without blocking the process", async () => {
    const folder = createLeaseFolder(path);
    const order: string[] = [];
    let used: Promise<unknown>;
    {
      using held = holdLock();
      expect(held.fd).toBeGreaterThan(2);
      used = write(folder, 2, "a").then(() => order.push("written"));
      for (let turn = 0; turn < 20; turn++) await systemClock.sleep(1);
      order.push("let go");
    }
    await used;
    expect(order).toEqual(["let go", "written"]);
  });

  it("is waited for only so long, and then it can be tried again", async () => {
    const folder = createLeaseFolder(path);
    {
      using held = holdLock();
      expect(held.fd).toBeGreaterThan(2);
      const failure = folder.use({ ...waiter, waitMs: 20 }, () => undefined);
      await expect(failure).rejects.toMatchObject({ code: "KX_CNI_LEASES_LOCKED", retryable: true });
      const aborted = folder.use({ ...waiter, signal: AbortSignal.abort(new Error("gone")) }, () => undefined);
      await expect(aborted).rejects.toThrow("gone");
    }
    await write(folder, 2, "a");
  });

  it("is taken anew if its file was removed while it was waited for", async () => {
    const folder = createLeaseFolder(path);
    let used: Promise<void>;
    {
      using held = holdLock();
      expect(held.fd).toBeGreaterThan(2);
      used = write(folder, 2, "a");
      await systemClock.sleep(1);
      rmSync(path, { recursive: true });
    }
    await used;
    expect(onDisk()).toEqual({ "10.0.0.2": "a\r\neth0" });
  });

  it("lets calls of one process through one after another", async () => {
    const folders = [createLeaseFolder(path), createLeaseFolder(path)] as const;
    await Promise.all(
      Array.from({ length: 100 }, (_, host) =>
        (folders[host % 2] ?? folders[0]).use(waiter, (leases) => {
          const next = [...leases.index.entries()].filter(({ ip }) => ip).length;
          leases.write(ipOf(next), { containerId: `c${host}`, ifName: "eth0" });
        }),
      ),
    );
    expect(Object.keys(onDisk())).toHaveLength(100);
  });
});
