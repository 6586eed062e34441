import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildImage, busyboxImage } from "@kx/cluster";
import { linuxAddonPath } from "@kx/core/linux";

const execute = promisify(execFile);
const dist = fileURLToPath(new URL("../../dist/image", import.meta.url));

/** The image's name. */
export const hostpathImageName = "localhost/kx-csi-hostpath:1";

// Of the machine, with what they link to; those of BusyBox lack options.
const programs = ["losetup", "blkid", "mke2fs", "e2fsck", "resize2fs", "fsfreeze", "setpriv", "cp", "rm"];

/** An image of the hostpath driver, as an OCI archive. */
export async function hostpathImage(): Promise<Uint8Array> {
  const { files } = await busyboxImage([hostpathImageName]);
  const file = (path: string, from: string, mode = 0o755) => ({ type: "file" as const, path, content: { from }, mode });
  const found = await Promise.all(
    programs.map(async (name) =>
      (await execute("sh", ["-c", `PATH=$PATH:/usr/sbin:/sbin command -v ${name}`])).stdout.trim(),
    ),
  );
  const linked = await Promise.all([process.execPath, ...found].map((path) => execute("ldd", [path])));
  const libraries = linked.flatMap(({ stdout }) => [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path));
  return buildImage({
    names: [hostpathImageName],
    files: [
      ...files,
      ...[...new Set(libraries)].map((path) => file(path, realpathSync(path))),
      ...found.map((path, index) => file(`/usr/local/sbin/${programs[index]}`, realpathSync(path))),
      file("/usr/local/sbin/mkfs.ext4", realpathSync(found[2] ?? "")),
      file("/app/node", process.execPath),
      ...["kx-csi-hostpath.js", "bounded-child.js"].map((name) => file(`/app/${name}`, join(dist, name), 0o644)),
      file("/app/koffi.node", linuxAddonPath() ?? ""),
    ],
    config: {
      entrypoint: ["/app/node", "/app/kx-csi-hostpath.js"],
      env: { PATH: "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin" },
    },
  });
}
