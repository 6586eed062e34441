import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNetwork, loadNetworks } from "./load.ts";
import { parseNetwork } from "./network.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-cni-load-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const put = (name: string, content: unknown) =>
  writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
const list = (name: string, type: string, more: object = {}) => ({
  cniVersion: "1.0.0",
  name,
  plugins: [{ type }],
  ...more,
});

describe("loadNetwork", () => {
  it("takes the first list of that name by the files' names, before single plug-ins", async () => {
    await put("00-net.conf", { name: "net", type: "single" });
    await put("30-net.conflist", list("net", "third"));
    await put("20-net.conflist", list("net", "second"));
    await put("10-other.conflist", list("other", "first"));
    await put("05-net.txt", list("net", "ignored"));
    expect((await loadNetwork(folder, "net")).plugins).toEqual([{ type: "second" }]);
  });

  it.each(["10-net.conf", "10-net.json"])("makes a list of the single plug-in in %s", async (name) => {
    const single = { name: "net", type: "single", mtu: 1400 };
    await put(name, single);
    const network = await loadNetwork(folder, "net");
    expect(network).toMatchObject({ cniVersion: "0.1.0", plugins: [single] });
    expect(JSON.parse(network.source)).toEqual({ name: "net", plugins: [single] });
  });

  it("passes over files that cannot be read, and tells of them if no other has the name", async () => {
    await put("10-broken.conflist", "{");
    await put("20-wrong.conflist", { name: "net", plugins: [] });
    await put("30-fine.conflist", list("fine", "bridge"));
    expect((await loadNetwork(folder, "fine")).plugins).toEqual([{ type: "bridge" }]);
    await expect(loadNetwork(folder, "net")).rejects.toThrow(
      /there is no network net in .*10-broken.conflist is no JSON.*plugins must name a plug-in/,
    );
    const files = await loadNetworks(folder);
    expect(files.map(({ network, error }) => network?.name ?? error?.code)).toEqual([
      "KX_CNI_DECODING",
      "KX_CNI_CONFIG",
      "fine",
    ]);
  });

  it("tells which networks a folder holds", async () => {
    await expect(loadNetwork(join(folder, "none"), "net")).rejects.toThrow("it holds no network");
    await put("10-a.conflist", list("a", "bridge"));
    await expect(loadNetwork(folder, "net")).rejects.toThrow("it holds a");
    await put("file", "");
    await expect(loadNetworks(join(folder, "file"))).rejects.toMatchObject({ code: "KX_CNI_IO" });
  });

  it("adds the plug-ins of the folder named like the network, unless it is told not to", async () => {
    await mkdir(join(folder, "net"));
    await put("net/20-b.conf", { type: "b" });
    await put("net/10-a.conf", { type: "a", more: 1 });
    await put("net/30-c.conflist", { type: "c" });
    await put("10-net.conflist", list("net", "first"));
    expect((await loadNetwork(folder, "net")).plugins).toEqual([
      { type: "first" },
      { type: "a", more: 1 },
      { type: "b" },
    ]);
    await put("10-net.conflist", { name: "net" });
    expect((await loadNetwork(folder, "net")).plugins).toHaveLength(2);
    await put("10-net.conflist", list("net", "first", { loadOnlyInlinedPlugins: "true" }));
    expect((await loadNetwork(folder, "net")).plugins).toEqual([{ type: "first" }]);
    await put("10-net.conflist", list("net", "first"));
    await put("net/10-a.conf", { type: "../a" });
    await expect(loadNetwork(folder, "net")).rejects.toThrow("plugins[1].type must be a file name");
  });
});

describe("parseNetwork", () => {
  it.each([
    [{ cniVersion: "0.4.0" }, "0.4.0"],
    [{}, "0.1.0"],
    [{ cniVersion: "0.3.1", cniVersions: ["1.1.0", "0.4.0"] }, "1.1.0"],
    [{ cniVersion: "1.0.0", cniVersions: ["0.4.0", "1.2.0", "2.0.0"] }, "1.0.0"],
    [{ cniVersion: "9.0.0", cniVersions: ["0.4.0"] }, "0.4.0"],
  ])("runs %j with version %s", async (versions, chosen) => {
    const text = JSON.stringify({ name: "net", plugins: [{ type: "a" }], ...versions });
    expect((await parseNetwork(text)).cniVersion).toBe(chosen);
  });

  it.each([
    [{ cniVersion: "1.2.0" }, "KX_CNI_VERSION", "needs version 1.2.0"],
    [{ name: "../net" }, "KX_CNI_CONFIG", "name must start"],
    [{ plugins: [] }, "KX_CNI_CONFIG", "plugins must name a plug-in"],
    [{ plugins: undefined }, "KX_CNI_CONFIG", "names no plug-in"],
    [{ plugins: undefined, loadOnlyInlinedPlugins: true }, "KX_CNI_CONFIG", "plugins is required"],
    [{ plugins: [{ type: "a/b" }, {}] }, "KX_CNI_CONFIG", "plugins[0].type must be a file name"],
    [{ plugins: [{ type: "a" }, {}], disableCheck: "maybe" }, "KX_CNI_CONFIG", "plugins[1].type is required"],
  ])("refuses %j", async (wrong, code, message) => {
    const text = JSON.stringify({ name: "net", plugins: [{ type: "a" }], ...wrong });
    const refused = parseNetwork(text);
    await expect(refused).rejects.toMatchObject({ code });
    await expect(refused).rejects.toThrow(message);
  });

  it("reads booleans that are written as texts", async () => {
    const text = JSON.stringify({ name: "net", plugins: [{ type: "a" }], disableCheck: "true", disableGC: "false" });
    expect(await parseNetwork(text)).toMatchObject({ disableCheck: true, disableGC: false });
  });
});
