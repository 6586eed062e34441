import { readFileSync, writeFileSync } from "node:fs";
import { KxError } from "@kx/core";

/**
 * A setting under /proc/sys, of the network namespace that this thread is in: `["net", "ipv4", "ip_forward"]`. Parts, not
 * names with dots, as interfaces' names may contain those. Undefined if the kernel has no such setting.
 *
 * @throws KxError `KX_CNI_SYSCTL`.
 */
export function readSysctl(name: readonly string[]): string | undefined {
  return attempt(name, "read", (path) => readFileSync(path, "utf8").trim());
}

/**
 * Writes a setting of the network namespace that this thread is in, unless it has that value.
 *
 * @returns false if the kernel has no such setting.
 * @throws KxError `KX_CNI_SYSCTL`.
 */
export function writeSysctl(name: readonly string[], value: string): boolean {
  const old = readSysctl(name);
  if (old !== undefined && old !== value) attempt(name, "write", (path) => overwrite(path, value));
  return old !== undefined;
}

/**
 * Writes a setting that has another value anyhow, such as one of a new interface: `writeSysctl` without the look before.
 *
 * @returns false if the kernel has no such setting.
 * @throws KxError `KX_CNI_SYSCTL`.
 */
export function setSysctl(name: readonly string[], value: string): boolean {
  return attempt(name, "write", (path) => overwrite(path, value)) !== undefined;
}

function overwrite(path: string, value: string): true {
  // What is not there cannot be made.
  writeFileSync(path, value, { flag: "r+" });
  return true;
}

function attempt<T>(name: readonly string[], verb: string, work: (path: string) => T): T | undefined {
  const path = pathOf(name);
  try {
    return work(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new KxError("KX_CNI_SYSCTL", `cannot ${verb} ${path}: ${code ?? String(cause)}`, {
      cause,
      details: { path, errno: code },
      ...(code === "EROFS" || code === "EACCES" ? { remedy: "run it as root with /proc/sys writable" } : {}),
    });
  }
}

function pathOf(name: readonly string[]): string {
  if (name.some((part) => part === "" || part === "." || part === ".." || /[/\0]/.test(part))) {
    throw new KxError("KX_CNI_SYSCTL", `${JSON.stringify(name.join("/"))} is no setting of the kernel`);
  }
  return `/proc/sys/${name.join("/")}`;
}
