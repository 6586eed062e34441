import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { KxError } from "@kx/core";
import { sha256File } from "./digest.ts";

/** Options of {@link download}. */
export interface DownloadOptions {
  /** Where the finished file goes; while it arrives, it is this with `.part`. */
  readonly to: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly signal?: AbortSignal;
  /** Told of the bytes that are there and, where the server says so, of how many there will be. */
  readonly onBytes?: (received: number, total: number | undefined) => void;
  /** Tries after a connection that broke. Default: 3. */
  readonly tries?: number;
  /** A connection that brings nothing for so long is given up. Milliseconds. Default: 30 000. */
  readonly idleMs?: number;
}

/**
 * Downloads a file, going on from where an earlier try broke off, and keeps it only if its checksum is right.
 * @throws KX_CLUSTER_DOWNLOAD_FAILED, KX_CLUSTER_DOWNLOAD_CHECKSUM; the signal's reason.
 */
export async function download(url: string, options: DownloadOptions): Promise<void> {
  const { to, sha256, signal, tries = 3 } = options;
  const part = `${to}.part`;
  await mkdir(dirname(to), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      await receive(url, part, options);
      break;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = KxError.is(error)
        ? error
        : new KxError("KX_CLUSTER_DOWNLOAD_FAILED", `${url}: ${describe(error)}`, { cause: error, retryable: true });
      if (!failure.retryable || attempt >= tries) throw failure;
    }
  }
  const actual = await sha256File(part, signal);
  if (actual !== sha256) {
    await rm(part, { force: true });
    throw new KxError("KX_CLUSTER_DOWNLOAD_CHECKSUM", `${url} has SHA-256 ${actual}, expected ${sha256}; removed it`, {
      remedy: "try again; if it stays so, do not use that file",
      details: { url, expected: sha256, actual },
    });
  }
  await rename(part, to);
}

async function receive(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { signal, onBytes, idleMs = 30_000 } = options;
  const have = await stat(part).then(
    (found) => found.size,
    () => 0,
  );
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(new Error(`nothing received for ${idleMs} ms`)), idleMs);
  try {
    const response = await fetch(url, {
      headers: have > 0 ? { range: `bytes=${have}-` } : {},
      signal: signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]),
    });
    const resumed = response.status === 206 && startOfRange(response) === have;
    if (response.status === 416 || (response.status === 206 && !resumed)) {
      // What is there is not the beginning of what the server has now.
      await response.body?.cancel();
      await rm(part, { force: true });
      throw new KxError("KX_CLUSTER_DOWNLOAD_FAILED", `${url}: the server cannot continue at byte ${have}`, {
        retryable: true,
      });
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new KxError("KX_CLUSTER_DOWNLOAD_FAILED", `${url}: HTTP ${response.status}`, {
        retryable: response.status >= 500 || response.status === 429,
      });
    }
    let received = resumed ? have : 0;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : received + length;
    // Chunk by chunk, so that all that came before a break is on disk for the next try.
    await using file = await open(part, resumed ? "a" : "w", 0o600);
    for await (const chunk of response.body) {
      timer.refresh();
      await file.writeFile(chunk);
      received += chunk.byteLength;
      onBytes?.(received, total);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The first byte of a partial answer. */
function startOfRange(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
}

/** fetch says only "fetch failed" and keeps the reason in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
