import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listenAt, removeIfSame } from "./socket-file.ts";

let folder: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kx-socket-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

/** A server that says its name to whoever connects. */
function naming(name: string): Server {
  // Whoever only looks whether somebody answers is gone before the name is out.
  const server = createServer((socket) => void socket.on("error", () => undefined).end(name));
  servers.push(server);
  return server;
}

async function whoAnswers(path: string): Promise<string> {
  const socket = connect(path).setEncoding("utf8");
  let said = "";
  socket.on("data", (text: string) => (said += text));
  await once(socket, "close");
  return said;
}

/** A socket file that nobody serves: a server's close removes only the name it was bound to. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer();
  server.listen(`${path}.old`);
  await once(server, "listening");
  renameSync(`${path}.old`, path);
  await new Promise((resolve) => server.close(resolve));
  expect(lstatSync(path).isSocket()).toBe(true);
}

describe("listenAt", () => {
  it("makes the folder with mode 0700 and the socket with mode 0600, and leaves no other name behind", async () => {
    const path = join(folder, "a/b/driver.sock");
    const file = await listenAt(naming("one"), path);
    expect(lstatSync(join(folder, "a")).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(folder, "a/b")).mode & 0o777).toBe(0o700);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, "a/b"))).toEqual(["driver.sock"]);
    expect(await whoAnswers(path)).toBe("one");
    await file.remove();
    expect(readdirSync(join(folder, "a/b"))).toEqual([]);
  });

  it("leaves the mode of a folder that is there", async () => {
    chmodSync(folder, 0o750);
    await listenAt(naming("one"), join(folder, "s"));
    expect(lstatSync(folder).mode & 0o777).toBe(0o750);
  });

  it("replaces a socket that nobody serves", async () => {
    const path = join(folder, "s.sock");
    await leaveStale(path);
    await listenAt(naming("new"), path);
    expect(await whoAnswers(path)).toBe("new");
    expect(readdirSync(folder)).toEqual(["s.sock"]);
  });

  it("refuses a socket that is served, names it and says so", async () => {
    const path = join(folder, "s.sock");
    await listenAt(naming("first"), path);
    await expect(listenAt(naming("second"), path)).rejects.toMatchObject({
      code: "KX_GRPC_SOCKET_IN_USE",
      message: expect.stringMatching(`another process serves ${path}.*choose another path`),
    });
    expect(await whoAnswers(path)).toBe("first");
    expect(readdirSync(folder)).toEqual(["s.sock"]);
  });

  it("refuses a file, a folder and a link, also one to a stale socket, and leaves them as they are", async () => {
    const path = join(folder, "s.sock");
    const refused = { code: "KX_GRPC_SOCKET_OCCUPIED", message: expect.stringContaining("remove it if") };
    writeFileSync(path, "precious");
    await expect(listenAt(naming("x"), path)).rejects.toMatchObject(refused);
    expect(readFileSync(path, "utf8")).toBe("precious");
    rmSync(path);
    mkdirSync(path);
    await expect(listenAt(naming("x"), path)).rejects.toMatchObject(refused);
    rmSync(path, { recursive: true });
    const target = join(folder, "target.sock");
    await leaveStale(target);
    symlinkSync(target, path);
    await expect(listenAt(naming("x"), path)).rejects.toMatchObject({
      code: "KX_GRPC_SOCKET_OCCUPIED",
      message: expect.stringContaining(`${path} is a symbolic link`),
    });
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(existsSync(target)).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(["s.sock", "target.sock"]);
  });

  it("takes a path of 107 bytes, also with a short name, and explains one of 108", async () => {
    for (const name of ["s", "driver.sock"]) {
      const long = join(folder, "x".repeat(107 - Buffer.byteLength(folder) - 2 - name.length));
      const path = join(long, name);
      expect(Buffer.byteLength(path)).toBe(107);
      await listenAt(naming("long"), path);
      expect(await whoAnswers(path)).toBe("long");
      await expect(listenAt(naming("x"), `${path}2`)).rejects.toMatchObject({
        code: "KX_GRPC_SOCKET_PATH",
        message: expect.stringMatching(/108 bytes; the kernel takes 107.*shorter/),
      });
      rmSync(long, { recursive: true });
    }
  });

  it.each(["relative.sock", "", "/tmp/", "/tmp/a\0b"])("refuses the path %j", async (path) => {
    await expect(listenAt(naming("x"), path)).rejects.toMatchObject({ code: "KX_GRPC_SOCKET_PATH" });
  });

  it("explains a folder that cannot be made", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(listenAt(naming("x"), join(folder, "file/s"))).rejects.toMatchObject({
      code: "KX_GRPC_SOCKET_FOLDER",
      message: expect.stringContaining(join(folder, "file")),
    });
  });

  it("removes only its own socket, also when it closes", async () => {
    const path = join(folder, "s.sock");
    const server = naming("old");
    const file = await listenAt(server, path);
    rmSync(path);
    await listenAt(naming("new"), path);
    await file.remove();
    await new Promise((resolve) => server.close(resolve));
    expect(await whoAnswers(path)).toBe("new");
  });

  it("lets one of two win, with a stale socket in the way or not, and reach its callers", async () => {
    for (let round = 0; round < 100; round += 1) {
      const path = join(folder, `${round}.sock`);
      if (round % 2 === 0) await leaveStale(path);
      const outcomes = await Promise.allSettled(["a", "b"].map((name) => listenAt(naming(name), path)));
      const won = outcomes.findIndex(({ status }) => status === "fulfilled");
      expect(outcomes[1 - won]).toMatchObject({ status: "rejected", reason: { code: "KX_GRPC_SOCKET_IN_USE" } });
      expect(await whoAnswers(path)).toBe(["a", "b"][won]);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

describe("removeIfSame", () => {
  it("removes the socket it was told of, and puts back one that took its place", async () => {
    const [path, aside] = [join(folder, "s.sock"), join(folder, "aside")];
    await leaveStale(path);
    const { dev, ino } = lstatSync(path, { bigint: true });
    await removeIfSame(path, aside, { dev, ino });
    expect(readdirSync(folder)).toEqual([]);
    await listenAt(naming("newcomer"), path);
    await removeIfSame(path, aside, { dev, ino: lstatSync(path, { bigint: true }).ino + 1n });
    expect(readdirSync(folder)).toEqual(["s.sock"]);
    expect(await whoAnswers(path)).toBe("newcomer");
  });
});
