import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";

/**
 * Unpacks only the given members of a gzipped tar.
 * @param members - path in the archive to path below `dir`.
 */
export async function extract(
  archive: string,
  dir: string,
  members: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const wanted = new Map(Object.entries(members).map(([member, output]) => [plain(member), output]));
  const unpack = unpackTar(dir, {
    filter: (header) => header.type === "file" && wanted.has(plain(header.name)),
    map: (header) => ({ ...header, name: wanted.get(plain(header.name)) ?? header.name }),
    fmode: 0o755,
    dmode: 0o755,
  });
  await pipeline(createReadStream(archive), createGunzip(), unpack, signal === undefined ? {} : { signal });
}

/** Archives made of a folder start their members with `./`. */
function plain(name: string): string {
  return name.replace(/^\.\//, "");
}
