import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type LoadConfigOptions, loadConfig, miniSchema, readHostConfiguration } from "./index.ts";

const schema = miniSchema(
  z.strictObject({
    nodeName: z.optional(z.string().check(z.describe("Name of this node."))),
    logLevel: z.prefault(z.enum(["debug", "info"]).check(z.describe("Least level to write.")), "info"),
    verbose: z.prefault(z.boolean(), false),
    tags: z.prefault(z.array(z.string()), []),
    health: z.prefault(z.strictObject({ port: z.prefault(z.int().check(z.gte(0), z.lte(65535)), 9000) }), {
      port: 9000,
    }),
    adminPassword: z.optional(z.string().check(z.minLength(8))),
  }),
);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(text: string): Promise<string> {
  const path = join(folder, "config.yaml");
  await writeFile(path, text);
  return path;
}

type Given = Partial<Pick<LoadConfigOptions<unknown>, "args" | "env" | "file">>;
const load = (given: Given) => loadConfig({ name: "app", schema, envPrefix: "KX", args: [], env: {}, ...given });

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("nothing was thrown");
  return error.message;
}

describe("loadConfig", () => {
  it("prefers flag over environment over file over default", async () => {
    const port = fc.option(fc.integer({ min: 0, max: 65535 }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(port, port, port, async (flag, env, inFile) => {
        const loaded = await load({
          args: flag === undefined ? [] : ["--health-port", String(flag)],
          env: env === undefined ? {} : { KX_HEALTH_PORT: String(env) },
          file: await file(inFile === undefined ? "" : JSON.stringify({ health: { port: inFile } })),
        });
        expect(loaded).toMatchObject({ value: { health: { port: flag ?? env ?? inFile ?? 9000 } } });
      }),
      { numRuns: 50 },
    );
  });

  it("reads every type from flags", async () => {
    const args = ["--node-name=n1", "--verbose", "--tags", "a", "--tags=b", "--log-level", "debug"];
    expect(await load({ args })).toEqual({
      value: { nodeName: "n1", verbose: true, tags: ["a", "b"], logLevel: "debug", health: { port: 9000 } },
    });
    expect(await load({ args: ["--no-verbose"], env: { KX_VERBOSE: "yes" } })).toMatchObject({
      value: { verbose: false },
    });
  });

  it("reads every type from the environment, and takes an empty variable as not set", async () => {
    const env = { KX_NODE_NAME: "n1", KX_VERBOSE: "true", KX_TAGS: "a, b", KX_LOG_LEVEL: "", KX_HEALTH_PORT: "1" };
    expect(await load({ env })).toEqual({
      value: { nodeName: "n1", verbose: true, tags: ["a", "b"], logLevel: "info", health: { port: 1 } },
    });
  });

  it("keeps what the file says beside what a flag overrides", async () => {
    const loaded = await load({ args: ["--node-name", "a"], file: await file("nodeName: b\nhealth: { port: 5 }\n") });
    expect(loaded).toMatchObject({ value: { nodeName: "a", health: { port: 5 } } });
  });

  it("makes the help text from the schema, also beside other flags", async () => {
    expect(await load({ args: ["--node-name", "x", "--help"] })).toEqual({
      help: expect.stringMatching(
        /^Usage: app \[flags\]\n[\s\S]*--log-level <debug\|info> +Least level to write\. \[KX_LOG_LEVEL; default: "info"\]/,
      ),
    });
  });

  it.each<[string, Given, string[]]>([
    [
      "an unknown flag",
      { args: ["--healt-port", "1"] },
      ["KX_CONFIG_FLAG", "--healt-port", "did you mean --health-port?"],
    ],
    ["an argument", { args: ["start"] }, ["KX_CONFIG_FLAG", "start"]],
    ["a flag without value", { args: ["--node-name"] }, ["--node-name needs a value"]],
    ["a flag in place of a value", { args: ["--node-name", "--verbose"] }, ["--verbose looks like a flag"]],
    ["a value for a flag that takes none", { args: ["--no-verbose=1"] }, ["--no-verbose takes no value"]],
    ["a short flag", { args: ["-v"] }, ["unknown flag -v"]],
    [
      "a flag of the wrong type",
      { args: ["--health-port=many"] },
      ["KX_CONFIG_FLAG", "health.port", "many", "--health-port"],
    ],
    [
      "a variable of the wrong type",
      { env: { KX_HEALTH_PORT: "0x1" } },
      ["KX_CONFIG_ENV", "health.port", "KX_HEALTH_PORT"],
    ],
    [
      "a flag out of range",
      { args: ["--health-port=70000"] },
      ["KX_CONFIG_INVALID", "health.port", "70000", "flag --health-port", "65535"],
    ],
    ["a variable out of range", { env: { KX_LOG_LEVEL: "loud" } }, ["logLevel", "loud", "KX_LOG_LEVEL", "debug"]],
    ["a secret", { env: { KX_ADMIN_PASSWORD: "short" } }, ["adminPassword", "[redacted]", "KX_ADMIN_PASSWORD"]],
    [
      "a missing file",
      { file: "/nonexistent/kx.yaml" },
      ["KX_CONFIG_FILE_UNREADABLE", "/nonexistent/kx.yaml", "ENOENT"],
    ],
  ])("names what is wrong with %s", async (_, given, parts) => {
    const message = await messageOf(load(given));
    for (const part of parts) expect(message).toContain(part);
    expect(message).not.toContain("short");
  });

  it.each<[string, string[]]>([
    ["helth: { port: 1 }", ["helth is not a known key", "did you mean health?", "config.yaml"]],
    ["health: { prt: 1 }", ["health.prt is not a known key", "did you mean port?"]],
    ["health: { port: x }", ["health.port", '"x"', "config.yaml"]],
    ["a: [", ["KX_CONFIG_FILE_SYNTAX", "config.yaml", "line 1"]],
    ["nodeName: a\nnodeName: b", ["KX_CONFIG_FILE_SYNTAX", "line 2"]],
    [
      "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]",
      ["KX_CONFIG_FILE_SYNTAX", "alias"],
    ],
    ["just text", ["KX_CONFIG_INVALID", "the configuration", "just text"]],
  ])("names what is wrong in the file %j", async (text, parts) => {
    const message = await messageOf(load({ file: await file(text) }));
    for (const part of parts) expect(message).toContain(part);
  });

  it("refuses a schema that cannot describe itself, or describes one flag twice", async () => {
    const options = { name: "app", envPrefix: "KX", args: [], env: {} };
    const plain = { "~standard": schema["~standard"] };
    expect(await messageOf(loadConfig({ ...options, schema: plain }))).toContain("KX_CONFIG_SCHEMA");
    const twice = miniSchema(z.object({ aB: z.string(), a: z.object({ b: z.string() }) }));
    expect(await messageOf(loadConfig({ ...options, schema: twice }))).toContain("--a-b");
  });
});

describe("readHostConfiguration", () => {
  const head = "apiVersion: kx.dev/v1alpha1\nkind: HostConfiguration\n";

  it("reads packages and their options", async () => {
    const path = await file(`${head}extensions:\n  - package: "@kx/x/y"\n    options: { dir: /var }\n`);
    expect((await readHostConfiguration(path)).extensions).toEqual([{ package: "@kx/x/y", options: { dir: "/var" } }]);
  });

  it.each<[string, string[]]>([
    [
      `${head}extensions: [{ package: a, isolaton: process }]`,
      ["extensions[0].isolaton", "not a known key", "did you mean isolation?", "config.yaml"],
    ],
    [`${head}extensions: [{ package: a, isolation: thread }]`, ["extensions[0].isolation", '"shared"|"process"']],
    [
      `${head}extensions: [{ package: a, process: { user: kx } }]`,
      ["extensions[0].process", "only with isolation: process"],
    ],
    [
      `${head}extensions: [{ package: a, isolation: process, process: { memoryLimitBytes: 1, capabilities: [net_admin] } }]`,
      [
        "process.memoryLimitBytes must be at least 67108864",
        "process.capabilities[0] must be a capability",
        "net_admin",
      ],
    ],
    [`${head}extensions: [{ options: {} }]`, ["extensions[0].package is required"]],
    ["apiVersion: v1\nkind: HostConfiguration\nextensions: []", ["apiVersion", "kx.dev/v1alpha1", '"v1"']],
  ])("names what is wrong in %j", async (text, parts) => {
    const message = await messageOf(readHostConfiguration(await file(text)));
    for (const part of parts) expect(message).toContain(part);
  });
});
