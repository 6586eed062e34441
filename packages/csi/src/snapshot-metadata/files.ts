import { readFile } from "node:fs/promises";
import { type Clock, KxError, type Logger } from "@kx/core";

/** Files by what they are for. */
export type Files<Name extends string> = Readonly<Record<Name, string>>;

/** What following files needs. */
export interface FollowOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyMs: number;
}

/**
 * Reads files that belong together.
 *
 * @throws KxError `KX_CSI_METADATA` for one that cannot be read.
 */
export async function readFiles<Name extends string>(files: Files<Name>): Promise<Files<Name>> {
  const entries = await Promise.all(
    Object.entries<string>(files).map(async ([name, path]) => {
      const content = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new KxError("KX_CSI_METADATA", `cannot read ${path}: ${KxError.from(cause).reason}`, { cause });
      });
      return [name, content];
    }),
  );
  return Object.fromEntries(entries) as Files<Name>;
}

/**
 * Calls `take` each time that the files' contents have changed, until the signal aborts. What it throws, as it does for a
 * certificate whose key is not there yet, is logged once, and tried again.
 *
 * Contents are compared, not times: a Secret's files are links that are switched.
 */
export async function followFiles<Name extends string>(
  files: Files<Name>,
  first: Files<Name>,
  take: (contents: Files<Name>) => void | Promise<void>,
  { clock, log, everyMs }: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  let taken = JSON.stringify(first);
  let told = "";
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const contents = await readFiles(files);
      const now = JSON.stringify(contents);
      if (now === taken) continue;
      await take(contents);
      [taken, told] = [now, ""];
      log.info({ files: Object.values(files) }, "files read again");
    } catch (err) {
      const { reason } = KxError.from(err);
      if (reason !== told) log.warn({ err, files: Object.values(files) }, "changed files not taken, the old ones stay");
      told = reason;
    }
  }
}
