import { randomBytes } from "node:crypto";
import { chmod, link, lstat, mkdir, rename, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { basename, dirname, isAbsolute, join } from "node:path";
import { KxError } from "../error.ts";

/** A socket file that this process serves. */
export interface SocketFile {
  readonly path: string;
  /** Removes the file, unless another one stands at its path by now. */
  remove(): Promise<void>;
}

/** What stands at a path where a socket is to be. */
type Occupant = "nothing" | "stale" | "live" | "other";

/** What a file is, whatever its name. */
export interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** sun_path holds 108 bytes, the last of them zero. */
const maxPathBytes = 107;
/** Each try that is not the last lost its place to another process in the moment between looking and taking. */
const maxTries = 5;

/**
 * Lets `server` listen at `path`, mode 0600, in a folder that is made with mode 0700 if it is missing. A socket that nobody
 * serves any more is replaced; one that is served, and anything that is no socket, stays as it is. Of several processes
 * that want the path at once, one gets it.
 *
 * It listens under a name of its own first, and is then linked to its path: a link never replaces anything, and closing
 * the server, which removes the name it was bound to, cannot remove what another process has put at the path since.
 *
 * @throws KxError `KX_GRPC_SOCKET_PATH`, `KX_GRPC_SOCKET_FOLDER`, `KX_GRPC_SOCKET_IN_USE`, `KX_GRPC_SOCKET_OCCUPIED`, `KX_GRPC_LISTEN`.
 */
export async function listenAt(server: Server, path: string): Promise<SocketFile> {
  checkSocketPath(path);
  await makeFolder(dirname(path));
  await refuseOthers(path);
  const bound = await bind(server, path);
  try {
    const id = await idOf(bound);
    await take(path, bound);
    return { path, remove: () => removeOwn(path, id) };
  } catch (error) {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    throw error instanceof KxError ? error : listenFailed(path, error);
  } finally {
    await unlinkIfThere(bound);
  }
}

/** Refuses a path that no socket can have. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (!isAbsolute(path) || path.includes("\0") || path.endsWith("/")) {
    throw new KxError("KX_GRPC_SOCKET_PATH", `${JSON.stringify(path)} is no absolute path of a file`, {
      remedy: "give the socket's absolute path, such as /run/kx/driver.sock",
    });
  }
  if (bytes > maxPathBytes) {
    throw new KxError(
      "KX_GRPC_SOCKET_PATH",
      `${path} has ${bytes} bytes; the kernel takes ${maxPathBytes} for a socket`,
      {
        remedy: "choose a shorter folder or name",
        details: { path, bytes },
      },
    );
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new KxError("KX_GRPC_SOCKET_FOLDER", `cannot make the folder ${folder}: ${codeOf(cause)}`, {
      cause,
      remedy: "check that each part of the path is a folder that this user may write",
      details: { folder },
    });
  }
}

async function refuseOthers(path: string): Promise<Occupant> {
  const { occupant, what } = await look(path);
  if (occupant === "live") {
    throw new KxError("KX_GRPC_SOCKET_IN_USE", `another process serves ${path}`, {
      remedy: "stop that process (`ss -xlp` shows it), or choose another path",
      details: { path },
    });
  }
  if (occupant === "other") {
    throw new KxError("KX_GRPC_SOCKET_OCCUPIED", `${path} is ${what}, which is not replaced`, {
      remedy: "remove it if it is not needed, or choose another path",
      details: { path },
    });
  }
  return occupant;
}

async function look(path: string): Promise<{ readonly occupant: Occupant; readonly what?: string }> {
  let stats: Awaited<ReturnType<typeof lstat>>;
  try {
    stats = await lstat(path);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return { occupant: "nothing" };
    throw listenFailed(path, cause);
  }
  if (stats.isSymbolicLink()) return { occupant: "other", what: "a symbolic link" };
  if (stats.isDirectory()) return { occupant: "other", what: "a folder" };
  if (!stats.isSocket()) return { occupant: "other", what: "no socket" };
  const answer = await knock(path);
  switch (answer) {
    // A full queue of connections: somebody is there, and busy.
    case "connected":
    case "EAGAIN":
      return { occupant: "live" };
    case "ECONNREFUSED":
      return { occupant: "stale" };
    case "ENOENT":
      return { occupant: "nothing" };
    case "EPROTOTYPE":
      return { occupant: "other", what: "a socket of another type" };
    default:
      return { occupant: "other", what: `a socket that cannot be probed (${answer})` };
  }
}

/** Connects, says nothing, and tells how that went. */
function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve("connected");
    });
    socket.once("error", (error) => resolve(codeOf(error)));
  });
}

/** Listens under another name in the same folder, at most as long as the path; the dot hides it from the kubelet. */
async function bind(server: Server, path: string): Promise<string> {
  const name = basename(path);
  const readable = `.${name}.${randomBytes(3).toString("hex")}`;
  const fits = Buffer.byteLength(join(dirname(path), readable)) <= maxPathBytes;
  const short = `.${randomBytes(8).toString("hex")}`.slice(0, Math.max(2, Buffer.byteLength(name)));
  const bound = join(dirname(path), fits ? readable : short);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(bound, resolve);
  try {
    await promise;
    await chmod(bound, 0o600);
    return bound;
  } catch (cause) {
    throw listenFailed(path, cause);
  } finally {
    server.off("error", reject);
  }
}

async function take(path: string, bound: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await link(bound, path);
      return;
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST" || tries === maxTries) throw cause;
    }
    const before = await idOf(path).catch(() => undefined);
    if ((await refuseOthers(path)) === "stale" && before !== undefined) await removeStale(path, bound, before);
  }
}

async function removeStale(path: string, bound: string, stale: FileId): Promise<void> {
  try {
    if (isSame(await idOf(path), stale)) await removeIfSame(path, `${bound.slice(0, -1)}~`, stale);
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT" && codeOf(cause) !== "EEXIST") throw cause;
  }
}

/**
 * Removes the file at `path` if it is `expected`. It is moved to `aside` first, so that another one, which a process has put
 * there in between, is seen before it is lost, and put back.
 */
export async function removeIfSame(path: string, aside: string, expected: FileId): Promise<void> {
  await rename(path, aside);
  try {
    if (!isSame(await idOf(aside), expected)) await link(aside, path);
  } finally {
    await unlink(aside);
  }
}

async function removeOwn(path: string, own: FileId): Promise<void> {
  const now = await idOf(path).catch(() => undefined);
  if (now !== undefined && isSame(now, own)) await unlinkIfThere(path);
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT") throw cause;
  }
}

async function idOf(path: string): Promise<FileId> {
  const { dev, ino } = await lstat(path, { bigint: true });
  return { dev, ino };
}

function isSame(a: FileId, b: FileId): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function listenFailed(path: string, cause: unknown): KxError {
  return new KxError("KX_GRPC_LISTEN", `cannot listen at ${path}: ${codeOf(cause)}`, {
    cause,
    remedy: "check that this user may write in the socket's folder",
    details: { path },
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
