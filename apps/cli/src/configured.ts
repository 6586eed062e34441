import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { foo } from "@kx/controllers/foo";
import { type KubeObject, KxError } from "@kx/core";
import { readHostConfiguration } from "@kx/core/config";
import { managerMain, namespace } from "./extensions.ts";

/** What the user has configured a controller manager to run. */
export interface ConfiguredExtensions {
  /** The HostConfiguration, as an absolute path: packages are looked for beside it. */
  readonly file: string;
  /** Where else they are looked for, absolute. */
  readonly extensionsDir: string;
  /** Of the file when it was last read. */
  readonly sha256: string;
}

/** Flags that name extensions. */
export interface ExtensionFlags {
  readonly config?: string;
  readonly extensionsDir?: string;
}

/** Where extensions are looked for unless a flag says otherwise. */
const defaultExtensionsDir = "/extensions";

/**
 * Reads and checks the file that the flags name; undefined if they name none.
 *
 * @throws KxError `KX_CONFIG_*`, naming file, place and remedy.
 */
export async function readConfigured(flags: ExtensionFlags): Promise<ConfiguredExtensions | undefined> {
  if (flags.config === undefined) return undefined;
  const file = resolve(flags.config);
  await readHostConfiguration(file);
  const sha256 = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  return { file, extensionsDir: resolve(flags.extensionsDir ?? defaultExtensionsDir), sha256 };
}

const renderMs = 120_000;
const maxTextBytes = 64 * 1024 ** 2;

/**
 * The objects that extensions need in the cluster. A controller manager that ends again renders those of configured ones, as
 * their code is not for this process; so this also tells whether it can load them.
 *
 * @throws KxError `KX_CLI_EXTENSIONS` with what the controller manager said.
 */
export async function renderExtensions(
  extensions: ConfiguredExtensions | undefined,
  signal?: AbortSignal,
): Promise<readonly KubeObject[]> {
  if (extensions === undefined) return foo().manifests({ namespace, image: "" });
  const { file, extensionsDir } = extensions;
  const args = [managerMain, "--config", file, "--extensions-dir", extensionsDir, "--render", namespace];
  const { promise, resolve: told, reject } = Promise.withResolvers<string>();
  const options = {
    timeout: renderMs,
    maxBuffer: maxTextBytes,
    // As where it is supervised: settings of this shell are not the cluster's.
    env: { PATH: process.env["PATH"] ?? "" },
    ...(signal === undefined ? {} : { signal }),
  };
  execFile(process.execPath, args, options, (error, stdout, stderr) => {
    if (error === null) return told(stdout);
    if (signal?.aborted === true) return reject(signal.reason);
    const said = stderr.trim().replace(/^error: /, "") || KxError.from(error).reason;
    const what = error.killed === true ? `loading them took more than ${renderMs / 1000} s; ${said}` : said;
    const reason = `the controller manager cannot run the extensions of ${file}: ${what}`;
    reject(new KxError("KX_CLI_EXTENSIONS", reason, { remedy: `correct ${file} or the package, then try again` }));
  });
  // What a package prints while it is imported stands before it.
  const line = (await promise).trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(line) as readonly KubeObject[];
}
