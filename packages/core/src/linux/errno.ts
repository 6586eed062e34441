import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import { KxError } from "../error.ts";

// Linux has these; Node's table, made for all systems, has not.
const linuxOnly: Readonly<Record<number, string>> = {
  15: "ENOTBLK",
  28: "ENOSPC",
  108: "ESHUTDOWN",
  112: "EHOSTDOWN",
  117: "EUCLEAN",
  121: "EREMOTEIO",
  122: "EDQUOT",
  123: "ENOMEDIUM",
  124: "EMEDIUMTYPE",
};
// Two names of one number: manual pages use the other.
const aliases = new Set(["EWOULDBLOCK", "ENOTSUP"]);
const names = new Map(
  Object.entries(constants.errno).flatMap(([name, number]) => (aliases.has(name) ? [] : [[number, name]])),
);
const passing = new Set(["EAGAIN", "EINTR", "EBUSY", "ENOBUFS", "ENOMEM"]);

/** The name of an error number, such as `ENOENT`. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? linuxOnly[errno] ?? `errno ${errno}`;
}

/** What a failed system call was about. */
export interface SyscallContext {
  readonly path?: string | undefined;
  readonly remedy?: string | undefined;
}

/** A failed system call as an error: `KX_LINUX_SYSCALL` with syscall, path and the error's name in text and details. */
export function syscallError(syscall: string, errno: number, { path, remedy }: SyscallContext = {}): KxError {
  const name = errnoName(errno);
  const meaning = getSystemErrorMap().get(-errno)?.[1];
  const what = path === undefined ? syscall : `${syscall} ${path}`;
  const advice =
    remedy ?? (name === "EPERM" ? "run it as root, or with the capability that the call needs" : undefined);
  return new KxError("KX_LINUX_SYSCALL", `${what}: ${name}${meaning === undefined ? "" : ` (${meaning})`}`, {
    retryable: passing.has(name),
    details: { syscall, errno: name, ...(path === undefined ? {} : { path }) },
    ...(advice === undefined ? {} : { remedy: advice }),
  });
}

/** An error of Node's own file functions as a failed system call; any other as it is. */
export function fromNodeError(error: unknown): KxError {
  const errno: unknown = error instanceof Error ? Reflect.get(error, "errno") : undefined;
  if (KxError.is(error) || typeof errno !== "number") return KxError.from(error);
  const { syscall = "call", path } = error as NodeJS.ErrnoException;
  return syscallError(syscall, -errno, { path });
}
