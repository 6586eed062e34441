import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readJson, readPluginConfig } from "./plugin-config.ts";

const folder = mkdtempSync(join(tmpdir(), "kx-plugin-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(value: unknown): string {
  const path = join(folder, "net.json");
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

const list = {
  cniVersions: ["1.0.0", "1.1.0"],
  name: "net",
  plugins: [
    { type: "bridge", bridge: "br0", ipam: { type: "host-local", subnet: "10.1.0.0/16" } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

describe("a plug-in's configuration", () => {
  it("is a file's, with the executable's name where it has no type", async () => {
    expect(await readPluginConfig(file({ bridge: "br0" }), "/bin/bridge")).toEqual({
      config: { type: "bridge", bridge: "br0" },
      role: "interface",
    });
  });

  it("is one of address management if its ipam is of that type", async () => {
    const config = { type: "bridge", ipam: { type: "my-ipam" } };
    expect(await readPluginConfig(file(config), "/bin/my-ipam")).toEqual({ config, role: "addresses" });
  });

  it.each([
    ["/a/bridge", "bridge", "interface"],
    ["/a/portmap", "portmap", "chained"],
    ["/a/host-local", "bridge", "addresses"],
  ])("of %s is found in a list", async (executable, type, role) => {
    const found = await readPluginConfig(file(list), executable);
    expect(found).toMatchObject({ role, config: { type, cniVersion: "1.1.0" } });
  });

  it("is not there for others than those of the list", async () => {
    await expect(readPluginConfig(file(list), "/a/ptp")).rejects.toMatchObject({
      code: "KX_CLI_CNI",
      reason: expect.stringContaining("has no plug-in ptp"),
      remedy: expect.stringContaining("it has bridge, host-local, portmap"),
    });
  });

  it.each([
    ["{", "holds no JSON"],
    ["[]", "holds no JSON object"],
  ])("is not read from %s", async (text, reason) => {
    await expect(readJson(file(text))).rejects.toMatchObject({ reason: expect.stringContaining(reason) });
  });

  it("is not read from a file that is not there", async () => {
    await expect(readJson(join(folder, "none"))).rejects.toMatchObject({
      code: "KX_CLI_CNI",
      reason: expect.stringContaining("cannot be read: ENOENT"),
    });
  });
});
