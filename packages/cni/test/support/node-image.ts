import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { promisify } from "node:util";
import { busyboxImage } from "@kx/cluster";

const execute = promisify(execFile);

/** What an image needs for programs that run on Node.js, which it has at `/app/node`; busybox is there too. */
export async function nodeFiles() {
  const { files } = await busyboxImage(["localhost/unused:1"]);
  const { stdout } = await execute("ldd", [process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  return [
    ...files,
    ...libraries.map((path) => imageFile(path, realpathSync(path), 0o755)),
    imageFile("/app/node", process.execPath, 0o755),
  ];
}

/** A file of this machine. */
export function imageFile(path: string, from: string, mode = 0o644) {
  return { type: "file", path, content: { from }, mode } as const;
}
