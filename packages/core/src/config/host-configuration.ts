import * as z from "zod/mini";
import type { Infer } from "../schema.ts";
import { readConfigFile } from "./file.ts";
import { invalid } from "./load.ts";
import { miniSchema } from "./mini-schema.ts";
import { checkConfig } from "./problems.ts";

const mebibyte = 1024 ** 2;
const id = z.union([z.string().check(z.minLength(1)), z.int().check(z.gte(0))]);

const processSettings = z.strictObject({
  user: z.optional(id.check(z.describe("User of the process, by name or number. Default: the host's."))),
  group: z.optional(id.check(z.describe("Its only group. Default: the one named or numbered as the user."))),
  capabilities: z.optional(
    z
      .array(z.string().check(z.regex(/^(CAP_)?[A-Z][A-Z_]*$/, "must be a capability such as NET_ADMIN")))
      .check(z.describe("The only capabilities it keeps. Default: root's all, another user's none.")),
  ),
  memoryLimitBytes: z.optional(
    z
      .int()
      .check(
        z.gte(64 * mebibyte, "must be at least 67108864 (64 MiB)"),
        z.describe("It is killed when it holds more."),
      ),
  ),
  cgroup: z.optional(
    z
      .string()
      .check(
        z.startsWith("/", "must be an absolute path"),
        z.describe(
          "Folder of a cgroup (v2, or v1's memory) that the host may write; the process gets one of its own below.",
        ),
      ),
  ),
});

/** What a host reads to know which extensions it runs. */
export const hostConfiguration = miniSchema(
  z.strictObject({
    apiVersion: z.literal("kx.dev/v1alpha1"),
    kind: z.literal("HostConfiguration"),
    extensions: z.array(
      z
        .strictObject({
          package: z
            .string()
            .check(z.minLength(1), z.describe("The package, or a subpath of it, that exports `extension`.")),
          options: z.optional(
            z.record(z.string(), z.unknown()).check(z.describe("Options of the extension, checked by its own schema.")),
          ),
          isolation: z.optional(
            z
              .enum(["shared", "process"])
              .check(z.describe("Run in the host's process, or in a child process of its own. Default: shared.")),
          ),
          process: z.optional(processSettings.check(z.describe("The child process, where isolation is `process`."))),
        })
        .check(
          z.refine((entry) => entry.process === undefined || entry.isolation === "process", {
            error: "has an effect only with isolation: process",
            path: ["process"],
          }),
        ),
    ),
  }),
);

/** The extensions of a host, checked. */
export type HostConfiguration = Infer<typeof hostConfiguration>;

/**
 * Reads a host's configuration from a YAML or JSON file.
 *
 * @throws KxError `KX_CONFIG_FILE_UNREADABLE`, `KX_CONFIG_FILE_SYNTAX` or `KX_CONFIG_INVALID`.
 */
export async function readHostConfiguration(path: string): Promise<HostConfiguration> {
  const checked = await checkConfig(hostConfiguration, await readConfigFile(path));
  if ("value" in checked) return checked.value;
  throw invalid(checked.problems, () => `file ${path}`);
}
