import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostConfiguration } from "../config/index.ts";
import { loadExtensions } from "./index.ts";

const schema = `{ "~standard": { version: 1, vendor: "test", validate: (v) =>
    typeof v.dir === "string" ? { value: v } : { issues: [{ message: "must be a path", path: ["dir"] }] } },
  jsonSchema: () => ({ type: "object", properties: { dir: { type: "string" } } }) }`;
const created = `{ kx: 1, kind: "controller", name: o.dir, version: "1", parts: () => [], manifests: () => [] }`;
const packages: Record<string, string> = {
  good: `export const extension = { kx: 1, options: ${schema}, create: (o) => (${created}) };`,
  bare: "export const extensoin = 1;",
  other: "export default 1; export const foo = 2;",
  old: "export const extension = { kx: 0, options: {}, create() {} };",
  throws: "throw new Error('at import');",
  fails: `export const extension = { kx: 1, options: ${schema}, create: () => { throw new Error("no disk"); } };`,
  syntax: "export const extension = {\n;",
  unlinked: 'import { no } from "@acme/good/sub"; export const extension = no;',
  newer: `export const extension = { kx: 1, options: ${schema}, create: () => ({ kx: 2 }) };`,
  empty: `export const extension = { kx: 1, options: ${schema}, create: () => ({}) };`,
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-extensions-"));
  for (const [name, text] of Object.entries(packages)) {
    const at = join(folder, "node_modules", "@acme", name, "sub", "index.js");
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, text);
    const manifest = { name: `@acme/${name}`, type: "module", exports: { "./sub": { default: "./sub/index.js" } } };
    await writeFile(join(folder, "node_modules", "@acme", name, "package.json"), JSON.stringify(manifest));
  }
});
afterAll(() => rm(folder, { recursive: true }));

function load(...extensions: HostConfiguration["extensions"]) {
  const configuration = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions } as const;
  return loadExtensions(configuration, { resolveFrom: [import.meta.url, join(folder, "host.yaml")] });
}

describe("loadExtensions", () => {
  it("takes packages that the host brings itself before those in folders, and checks their options alike", async () => {
    const configuration = (dir: unknown): HostConfiguration => ({
      apiVersion: "kx.dev/v1alpha1",
      kind: "HostConfiguration",
      extensions: [{ package: "@acme/good/sub", options: { dir } }],
    });
    let imports = 0;
    const modules = {
      "@acme/good/sub": async (): Promise<unknown> => {
        imports += 1;
        return import(pathToFileURL(join(folder, "node_modules/@acme/good/sub/index.js")).href);
      },
    };
    // There is no such package beside this file.
    const options = { resolveFrom: [import.meta.url], modules };
    expect((await loadExtensions(configuration("own"), options)).map(({ name }) => name)).toEqual(["own"]);
    await expect(loadExtensions(configuration(1), options)).rejects.toThrow(
      /KX_HOST_EXTENSION_OPTIONS.*must be a path/,
    );
    expect(imports).toBe(2);
  });

  it("imports packages by subpath from beside a file or URL, and creates them with their options, in order", async () => {
    const pair = await load(
      { package: "@acme/good/sub", options: { dir: "a" } },
      { package: "@acme/good/sub", options: { dir: "b" } },
    );
    expect(pair.map((extension) => extension.name)).toEqual(["a", "b"]);
    const [only] = await loadExtensions(
      {
        apiVersion: "kx.dev/v1alpha1",
        kind: "HostConfiguration",
        extensions: [{ package: "@acme/good/sub", options: { dir: "c" } }],
      },
      { resolveFrom: [pathToFileURL(join(folder, "x.js")).href] },
    );
    expect(only?.name).toBe("c");
  });

  it.each<[string, HostConfiguration["extensions"][number], RegExp]>([
    ["NOT_FOUND", { package: "@acme/none" }, /extensions\[1\].*not found beside .*host\.yaml \(MODULE_NOT_FOUND\)/],
    ["NOT_FOUND", { package: "@acme/good" }, /ERR_PACKAGE_PATH_NOT_EXPORTED/],
    ["IMPORT", { package: "@acme/throws/sub" }, /at import/],
    ["IMPORT", { package: "@acme/syntax/sub" }, /Unexpected token ';', at .*syntax\/sub\/index\.js:2/],
    ["IMPORT", { package: "@acme/unlinked/sub" }, /not provide an export named 'no', at file:.*index\.js:1/],
    ["EXPORT", { package: "@acme/bare/sub" }, /it exports extensoin/],
    ["EXPORT", { package: "@acme/other/sub" }, /it exports default, foo/],
    ["PROTOCOL", { package: "@acme/old/sub" }, /defineExtension/],
    ["PROTOCOL", { package: "@acme/newer/sub", options: { dir: "a" } }, /but with kx: 2/],
    ["PROTOCOL", { package: "@acme/empty/sub", options: { dir: "a" } }, /create\(\) returned no extension/],
    ["OPTIONS", { package: "@acme/good/sub", options: { dir: 3 } }, /options\.dir must be a path \(3\)/],
    [
      "OPTIONS",
      { package: "@acme/good/sub", options: { dri: "a" } },
      /options\.dri is not a known key .*did you mean dir\?/,
    ],
    ["OPTIONS", { package: "@acme/good/sub" }, /options\.dir is required/],
    ["CREATE", { package: "@acme/fails/sub", options: { dir: "a" } }, /no disk/],
  ])("fails with %s for %j, naming package and place", async (code, entry, text) => {
    const work = load({ package: "@acme/good/sub", options: { dir: "a" } }, entry);
    await expect(work).rejects.toMatchObject({
      code: `KX_HOST_EXTENSION_${code}`,
      details: { package: entry.package, path: "extensions[1]" },
      message: expect.stringMatching(text),
    });
  });
});
