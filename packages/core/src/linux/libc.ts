import { constants } from "node:os";
import type koffiTypes from "koffi";
import { KxError } from "../error.ts";
import { loadKoffi } from "./addon.ts";
import { type SyscallContext, syscallError } from "./errno.ts";

type Koffi = typeof koffiTypes;
/** A C function that returns a negative number on failure. */
type Native = ReturnType<ReturnType<Koffi["load"]>["func"]>;

const prototypes = {
  setns: "int setns(int fd, int type)",
  unshare: "int unshare(int flags)",
  flock: "int flock(int fd, int operation)",
  mount: "int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)",
  umount2: "int umount2(const char *target, int flags)",
  // openat2 has no function in the C libraries.
  openat2: "long syscall(long number, int dirfd, const char *path, const void *how, size_t size)",
  socket: "int socket(int domain, int type, int protocol)",
  bind: "int bind(int fd, const void *address, uint32_t size)",
  setsockopt: "int setsockopt(int fd, int level, int name, const void *value, uint32_t size)",
  send: "long send(int fd, const void *bytes, size_t size, int flags)",
  recv: "long recv(int fd, void *bytes, size_t size, int flags)",
  prctl: "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
} as const;

/** The C functions that kx calls. */
export type LibcFunction = keyof typeof prototypes;

interface Binding {
  readonly koffi: Koffi;
  readonly library: ReturnType<Koffi["load"]>;
}

let binding: Binding | undefined;
const functions = new Map<LibcFunction, Native>();

/**
 * Loads the binding now rather than at the first call: before a thread changes its namespace, and to learn whether it is there.
 *
 * @throws KxError `KX_LINUX_UNAVAILABLE` without koffi, or on another system than Linux.
 */
export function loadLinux(): void {
  bind();
}

/** Tells whether system calls can be made here. */
export function isLinuxAvailable(): boolean {
  try {
    loadLinux();
    return true;
  } catch {
    return false;
  }
}

/**
 * Calls a C function, anew for as long as a signal interrupts it.
 *
 * @throws KxError `KX_LINUX_UNAVAILABLE`, or `KX_LINUX_SYSCALL` if it fails.
 */
export function call(name: LibcFunction, args: readonly unknown[], context: SyscallContext = {}): number {
  const { koffi } = bind();
  const run = native(name);
  for (;;) {
    const result = Number(run(...args));
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno !== koffi.os.errno["EINTR"]) throw syscallError(name, errno, context);
  }
}

/**
 * Calls a C function in a thread of Node's pool: for what blocks for a while, and acts on nothing that belongs to a thread.
 * That thread has an error number of its own, so a failure does not tell its reason.
 *
 * @throws KxError `KX_LINUX_UNAVAILABLE`, or `KX_LINUX_SYSCALL` with `EIO` if it fails.
 */
export async function callAside(name: LibcFunction, args: readonly unknown[]): Promise<number> {
  const run = native(name);
  const result = await new Promise<unknown>((resolve, reject) => {
    run.async(...args, (error: unknown, value: unknown) => (error ? reject(KxError.from(error)) : resolve(value)));
  });
  if (Number(result) < 0) throw syscallError(name, constants.errno.EIO);
  return Number(result);
}

function native(name: LibcFunction): Native {
  const run = functions.get(name) ?? bind().library.func(prototypes[name]);
  functions.set(name, run);
  return run;
}

function bind(): Binding {
  if (binding !== undefined) return binding;
  if (process.platform !== "linux") {
    throw new KxError("KX_LINUX_UNAVAILABLE", `system calls of Linux are not available on ${process.platform}`, {
      remedy: "run this on Linux",
    });
  }
  try {
    const koffi = loadKoffi() as Koffi;
    // The C library that this Node is linked with, be it glibc or musl.
    binding = { koffi, library: koffi.load(null) };
    return binding;
  } catch (cause) {
    const why = KxError.from(cause).reason.split("\n")[0];
    const reason = `system calls need the optional package koffi, which cannot be loaded: ${why}`;
    throw new KxError("KX_LINUX_UNAVAILABLE", reason, {
      cause,
      remedy:
        "install koffi 3 beside @kx/core, or put its addon koffi.node beside a bundle; there are some for glibc and musl",
    });
  }
}
