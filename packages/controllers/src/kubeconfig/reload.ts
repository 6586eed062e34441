import { stat } from "node:fs/promises";
import type { Clock } from "@kx/core";
import type { ClientConfig } from "../config.ts";

type CredentialsOf = NonNullable<ClientConfig["credentials"]>;

/** What stands in files at a time. */
export interface LoadedCredentials {
  readonly credentials: CredentialsOf;
  /** All files that they were read from. */
  readonly files: readonly string[];
}

/** How often files are looked at, in milliseconds. */
const lookMs = 10_000;

/** Credentials that are loaded again when one of their files changes. While they cannot be read, the old ones hold. */
export function reloadingCredentials(
  first: LoadedCredentials,
  load: () => Promise<LoadedCredentials>,
  clock: Clock,
): CredentialsOf {
  let present = first;
  let lookedAt = clock.now();
  let stamp = stampOf(first.files);

  const look = async (): Promise<void> => {
    lookedAt = clock.now();
    if ((await stampOf(present.files)) === (await stamp)) return;
    try {
      present = await load();
      stamp = stampOf(present.files);
    } catch {
      // It is being written; the next look finds it complete.
    }
  };
  return async (options) => {
    if (options.refresh || clock.now() - lookedAt >= lookMs) await look();
    return await present.credentials(options);
  };
}

/** Changes when a file is written or replaced. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = files.map((file) =>
    stat(file).then(
      ({ ino, size, mtimeMs }) => `${ino}/${size}/${mtimeMs}`,
      () => "absent",
    ),
  );
  return (await Promise.all(stamps)).join();
}
