import { execFile } from "node:child_process";
import { KxError } from "@kx/core";

/** What a program came to. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program in the node's network namespace and gives what it came to, however it ended.
 *
 * @throws KxError `KX_CNI_PROGRAM` if it is missing or hangs.
 */
export type RunProgram = (program: string, args: readonly string[], stdin?: string) => Promise<Ran>;

const timeoutMs = 60_000;
const maxBytes = 64 << 20;
/** Where such programs are, also if who started this process does not say so. */
const folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** Runs a program as a child of this process, and so where this process is. */
export const runProgram: RunProgram = (program, args, stdin = "") =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, LC_ALL: "C", PATH: [process.env["PATH"] ?? "", ...folders].join(":") };
    const options = { env, timeout: timeoutMs, maxBuffer: maxBytes };
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null || typeof error.code === "number") {
        resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr });
      } else {
        reject(notRun(program, error));
      }
    });
    // It may have ended without reading, and its exit code tells why.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
  });

function notRun(program: string, cause: Error & { readonly code?: unknown; readonly killed?: boolean }): KxError {
  if (cause.code === "ENOENT") {
    return new KxError("KX_CNI_PROGRAM", `the program ${program} is not on this node`, {
      cause,
      remedy: `install the package that has ${program}, or leave the work to nftables, which needs no program`,
      details: { program },
    });
  }
  const why = cause.killed === true ? `did not end within ${timeoutMs} ms` : `could not be run: ${cause.message}`;
  return new KxError("KX_CNI_PROGRAM", `the program ${program} ${why}`, { cause, details: { program } });
}
