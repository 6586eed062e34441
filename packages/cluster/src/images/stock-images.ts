import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { KxError } from "@kx/core";
import { elfInterpreter } from "./elf.ts";
import type { ImageConfig, ImageFile, ImageSpec } from "./image-spec.ts";

const run = promisify(execFile);

/** Where Debian and Ubuntu put busybox-static. */
const systemBusybox = "/bin/busybox";

/**
 * A process that is PID 1 gets no default signal actions, so most programs run as it ignore SIGTERM and a pod's end
 * takes its whole grace period. This script is PID 1 instead: it passes SIGTERM on and ends with its child's status.
 */
export const initScript = `#!/bin/sh
trap 'stop=1; kill -TERM "$child" 2>/dev/null' TERM INT QUIT
"$@" &
child=$!
[ -z "$stop" ] || kill -TERM "$child"
while :; do
  wait "$child"
  status=$?
  [ "$status" -gt 128 ] && kill -0 "$child" 2>/dev/null || break
done
exit "$status"
`;

const initPath = "/sbin/kx-init";

const standInPage = `<!DOCTYPE html>
<title>kx: stand-in for nginx</title>
<h1>This is not nginx</h1>
<p>kx serves this stand-in (busybox httpd) under the name nginx:latest, because its cluster reaches no registry.</p>
`;

function noBusybox(reason: string, cause?: unknown): KxError {
  return new KxError("KX_CLUSTER_IMAGE_BUSYBOX", reason, {
    remedy: "install it: apt-get install busybox-static",
    ...(cause === undefined ? {} : { cause }),
  });
}

async function readBusybox(path: string): Promise<{ binary: Uint8Array; applets: string[] }> {
  let binary: Uint8Array;
  let listed: string;
  try {
    binary = await readFile(path);
    listed = (await run(path, ["--list"], { encoding: "utf8", timeout: 30_000 })).stdout;
  } catch (cause) {
    throw noBusybox(`cannot run ${path}`, cause);
  }
  const interpreter = elfInterpreter(binary);
  if (interpreter !== undefined) throw noBusybox(`${path} is not statically linked: it needs ${interpreter}`);
  return { binary, applets: listed.split("\n").filter((name) => name !== "" && name !== "busybox") };
}

async function busyboxFiles(path: string): Promise<ImageFile[]> {
  const { binary, applets } = await readBusybox(path);
  return [
    { type: "file", path: "/bin/busybox", content: binary, mode: 0o755 },
    ...applets.map((name): ImageFile => ({ type: "symlink", path: `/bin/${name}`, target: "busybox" })),
    { type: "file", path: initPath, content: initScript, mode: 0o755 },
    { type: "dir", path: "/root", mode: 0o700 },
    { type: "dir", path: "/tmp", mode: 0o1777 },
    {
      type: "file",
      path: "/etc/passwd",
      content: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    },
    { type: "file", path: "/etc/group", content: "root:x:0:\nnogroup:x:65534:\n" },
  ];
}

/** Options of {@link busyboxImage} and {@link nginxStandIn}. */
export interface BusyboxOptions {
  /** A statically linked busybox of this machine. Default: /bin/busybox. */
  readonly busybox?: string;
}

/**
 * An image of busybox, its applets in /bin. `command` is what a container runs when its pod names none; it runs under
 * `/sbin/kx-init`, so that SIGTERM ends it at once (a pod's own command may start with that too). Default: `sh`.
 * Throws KX_CLUSTER_IMAGE_BUSYBOX.
 */
export async function busyboxImage(
  names: readonly string[],
  options: BusyboxOptions & { readonly command?: readonly string[] } = {},
): Promise<ImageSpec> {
  const config: ImageConfig =
    options.command === undefined ? { cmd: ["sh"] } : { entrypoint: [initPath], cmd: options.command };
  return { names, files: await busyboxFiles(options.busybox ?? systemBusybox), config };
}

/**
 * What is served in place of `nginx:latest`: busybox httpd on port 80 with nginx's folder of pages, started by
 * /usr/sbin/nginx whatever its arguments. Its page and the label `dev.kx.stand-in` say what it is.
 * Throws KX_CLUSTER_IMAGE_BUSYBOX.
 */
export async function nginxStandIn(options: BusyboxOptions = {}): Promise<ImageSpec> {
  const pages = "/usr/share/nginx/html";
  return {
    names: ["docker.io/library/nginx:latest"],
    files: [
      ...(await busyboxFiles(options.busybox ?? systemBusybox)),
      { type: "file", path: `${pages}/index.html`, content: standInPage },
      {
        type: "file",
        path: "/usr/sbin/nginx",
        content: `#!/bin/sh\nexec ${initPath} httpd -f -v -p 80 -h ${pages}\n`,
        mode: 0o755,
      },
    ],
    config: {
      entrypoint: ["/usr/sbin/nginx"],
      exposedPorts: [80],
      labels: { "dev.kx.stand-in": "true" },
    },
  };
}

/** The image of every pod's sandbox, of a statically linked program that waits for SIGTERM. */
export function pauseImage(pausePath: string): ImageSpec {
  return {
    names: ["localhost/pause:1"],
    files: [{ type: "file", path: "/pause", content: { from: pausePath }, mode: 0o755 }],
    config: { entrypoint: ["/pause"], user: "65535:65535" },
  };
}
