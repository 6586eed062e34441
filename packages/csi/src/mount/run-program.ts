import { execFile } from "node:child_process";
import { KxError } from "@kx/core";

/** How a program is run. */
export interface ProgramOptions {
  /** When it is given up, in milliseconds. Default: 10 minutes. */
  readonly deadlineMs?: number;
  /** Exit codes that are a success beside 0. */
  readonly success?: readonly number[];
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Whether it ends with this process, so that what it was at can be begun anew. Default: false. */
  readonly diesWithParent?: boolean;
}

/** What a program said. */
export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
}

// By Debian's names.
const packageOf: Readonly<Record<string, string>> = {
  blkid: "util-linux",
  losetup: "util-linux",
  fsfreeze: "util-linux",
  setpriv: "util-linux",
  cp: "coreutils",
  mknod: "coreutils",
  rm: "coreutils",
  sync: "coreutils",
  "mkfs.ext4": "e2fsprogs",
  e2fsck: "e2fsprogs",
  resize2fs: "e2fsprogs",
  "mkfs.xfs": "xfsprogs",
  xfs_growfs: "xfsprogs",
  "mkfs.btrfs": "btrfs-progs",
  btrfs: "btrfs-progs",
};

/**
 * Runs a program without a shell and without input, so that it cannot ask. One that the kernel does not let go is given up at
 * the deadline all the same.
 *
 * @throws KxError `KX_CSI_PROGRAM`, with what it wrote last.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { deadlineMs = 600_000, success = [], signal, diesWithParent = false }: ProgramOptions = {},
): Promise<ProgramResult> {
  if (diesWithParent) {
    return runProgram("setpriv", ["--pdeathsig=KILL", "--", program, ...args], {
      deadlineMs,
      success,
      ...(signal === undefined ? {} : { signal }),
    });
  }
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  const shown = [program, ...args].join(" ");
  const child = execFile(
    program,
    args,
    { maxBuffer: 16 * 1024 ** 2, env: plainEnvironment() },
    (error, stdout, stderr) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", kill);
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === "number" && (exitCode === 0 || success.includes(exitCode))) {
        resolve({ exitCode, stdout });
      } else {
        reject(programError(program, shown, error, stderr.trim() || stdout.trim()));
      }
    },
  );
  child.stdin?.end();
  const kill = () => void child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  const timer = setTimeout(() => {
    kill();
    child.unref();
    const reason = `${shown} did not end within ${deadlineMs / 1000} s`;
    reject(new KxError("KX_CSI_PROGRAM_HUNG", reason, { retryable: true, details: { program } }));
  }, deadlineMs);
  return promise;
}

/** Messages in English, and the folders in which administrators' programs are. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin` };
}

function programError(
  program: string,
  shown: string,
  error: { readonly code?: string | number | null; readonly signal?: NodeJS.Signals | null } | null,
  said: string,
): KxError {
  const source = packageOf[program];
  const isMissing = error?.code === "ENOENT";
  const end = isMissing
    ? "there is no such program"
    : `${error?.signal ?? `exit code ${error?.code}`}: ${said.slice(-2000)}`;
  return new KxError("KX_CSI_PROGRAM", `${shown} failed: ${end}`, {
    details: { program, exitCode: error?.code },
    ...(isMissing ? { remedy: `install ${source === undefined ? program : `the package ${source}`}` } : {}),
  });
}
