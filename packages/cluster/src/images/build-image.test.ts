import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { unpackTar } from "modern-tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildImage, writeImage } from "./build-image.ts";
import type { ImageFile, ImageSpec } from "./image-spec.ts";
import { planLayer } from "./layer.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-image-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const platform = { os: "linux", architecture: "amd64" };

const blob = (digest: string) => `blobs/${digest.replace(":", "/")}`;

async function parts(archive: Uint8Array) {
  const files = new Map((await unpackTar(archive, { strict: true })).map((entry) => [entry.header.name, entry.data]));
  const text = (name: string) => Buffer.from(files.get(name) ?? []).toString();
  const index: { manifests: { digest: string; annotations: Record<string, string> }[] } = JSON.parse(
    text("index.json"),
  );
  const manifest: { config: { digest: string }; layers: { digest: string }[] } = JSON.parse(
    text(blob(index.manifests[0]?.digest ?? "")),
  );
  const config: unknown = JSON.parse(text(blob(manifest.config.digest)));
  const layer = await unpackTar(files.get(blob(manifest.layers[0]?.digest ?? "")) ?? new Uint8Array(), {
    strict: true,
  });
  return { names: [...files.keys()], index, manifest, config, layer };
}

const withFiles = (files: ImageFile[], env: Record<string, string>) =>
  buildImage({ names: ["localhost/x:1"], files, platform, config: { env } });

describe("buildImage", () => {
  it("describes the image in its config and names it in its index", async () => {
    const { index, config, names } = await parts(
      await buildImage({
        names: ["nginx", "localhost/x:1", "docker.io/library/nginx:latest"],
        files: [],
        platform,
        config: {
          entrypoint: ["/a"],
          cmd: ["b", "c"],
          env: { Z: "1", A: "2" },
          user: "7:8",
          workingDir: "/w",
          exposedPorts: [80, "53/udp"],
          labels: { l: "v" },
        },
      }),
    );
    expect(names.slice(0, 2)).toEqual(["oci-layout", "index.json"]);
    expect(index.manifests.map((entry) => entry.annotations)).toEqual([
      {
        "io.containerd.image.name": "docker.io/library/nginx:latest",
        "org.opencontainers.image.ref.name": "latest",
      },
      { "io.containerd.image.name": "localhost/x:1", "org.opencontainers.image.ref.name": "1" },
    ]);
    expect(config).toMatchObject({
      architecture: "amd64",
      os: "linux",
      config: {
        User: "7:8",
        ExposedPorts: { "53/udp": {}, "80/tcp": {} },
        Env: ["A=2", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "Z=1"],
        Entrypoint: ["/a"],
        Cmd: ["b", "c"],
        WorkingDir: "/w",
        Labels: { l: "v" },
      },
    });
  });

  it("packs files as they were described, with their parents", async () => {
    const long = `/${"d".repeat(120)}/${"e".repeat(120)}/é`;
    await writeFile(join(folder, "source"), "from disk");
    const { layer } = await parts(
      await buildImage({
        names: ["localhost/x:1"],
        files: [
          { type: "symlink", path: "/bin/sh", target: "busybox" },
          { type: "file", path: "/bin/busybox", content: { from: join(folder, "source") }, mode: 0o4755 },
          { type: "file", path: long, content: "long" },
          { type: "symlink", path: "/l", target: "t".repeat(180) },
          { type: "dir", path: "/tmp", mode: 0o1777 },
        ],
      }),
    );
    const seen = layer.map(({ header, data }) => ({
      name: header.name,
      type: header.type,
      mode: header.mode,
      link: header.linkname,
      data: data === undefined ? undefined : Buffer.from(data).toString(),
    }));
    expect(seen).toEqual([
      { name: "bin/", type: "directory", mode: 0o755, link: "", data: undefined },
      { name: "bin/busybox", type: "file", mode: 0o4755, link: "", data: "from disk" },
      { name: "bin/sh", type: "symlink", mode: 0o777, link: "busybox", data: undefined },
      { name: `${"d".repeat(120)}/`, type: "directory", mode: 0o755, link: "", data: undefined },
      { name: `${"d".repeat(120)}/${"e".repeat(120)}/`, type: "directory", mode: 0o755, link: "", data: undefined },
      { name: long.slice(1), type: "file", mode: 0o644, link: "", data: "long" },
      { name: "l", type: "symlink", mode: 0o777, link: "t".repeat(180), data: undefined },
      { name: "tmp/", type: "directory", mode: 0o1777, link: "", data: undefined },
    ]);
    expect(layer.every(({ header }) => header.mtime?.getTime() === 0 && header.uid === 0 && header.gid === 0)).toBe(
      true,
    );
  });

  it("gives the same bytes whatever the order of the input", async () => {
    const files = fc.uniqueArray(fc.stringMatching(/^[a-c]{1,3}$/), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(files, fc.infiniteStream(fc.nat()), async (names, random) => {
        const all = names.map((name): ImageFile => ({ type: "file", path: `/${name}/f`, content: name }));
        const shuffled = all
          .map((file) => ({ file, key: random.next().value }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ file }) => file);
        const [first, second] = [
          await withFiles(all, { A: "1", B: "2" }),
          await withFiles(shuffled, { B: "2", A: "1" }),
        ];
        expect(Buffer.compare(first, second)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it.each<[string, Partial<ImageSpec>]>([
    ["no name", { names: [] }],
    ["a relative path", { files: [{ type: "dir", path: "a" }] }],
    ["a way out", { files: [{ type: "dir", path: "/a/../../b" }] }],
    ["the root", { files: [{ type: "dir", path: "/" }] }],
    [
      "a path twice",
      {
        files: [
          { type: "dir", path: "/a" },
          { type: "symlink", path: "/a", target: "b" },
        ],
      },
    ],
    [
      "a file beneath a link",
      {
        files: [
          { type: "symlink", path: "/a", target: "b" },
          { type: "dir", path: "/a/c" },
        ],
      },
    ],
    ["a mode that is none", { files: [{ type: "dir", path: "/a", mode: 0o10000 }] }],
    ["an empty link", { files: [{ type: "symlink", path: "/a", target: "" }] }],
    ["a port that is none", { config: { exposedPorts: ["http"] } }],
  ])("refuses %s", async (_, spec) => {
    await expect(buildImage({ names: ["localhost/x:1"], files: [], ...spec })).rejects.toMatchObject({
      code: "KX_CLUSTER_IMAGE_SPEC",
    });
  });

  it("names a source that is missing", async () => {
    const files: ImageFile[] = [{ type: "file", path: "/a", content: { from: join(folder, "none") } }];
    await expect(buildImage({ names: ["localhost/x:1"], files })).rejects.toMatchObject({
      code: "KX_CLUSTER_IMAGE_SOURCE",
      details: { path: "/a", from: join(folder, "none") },
    });
  });
});

describe("planLayer", () => {
  it("puts a folder before what it holds, also beside names that sort between", () => {
    const paths = ["/a-b", "/a/c", "/a.d"];
    const plan = planLayer(paths.map((path) => ({ type: "file", path, content: "" })));
    expect(plan.map((entry) => entry.name)).toEqual(["a/", "a-b", "a.d", "a/c"]);
  });
});

describe("writeImage", () => {
  it("replaces an older archive and leaves no part behind", async () => {
    const path = join(folder, "x.tar");
    await writeFile(path, "older");
    await writeImage(path, { names: ["localhost/x:1"], files: [], platform });
    expect(await readFile(path)).toEqual(
      Buffer.from(await buildImage({ names: ["localhost/x:1"], files: [], platform })),
    );
    expect(await readdir(folder)).toEqual(["x.tar"]);
  });

  it("names the folder it cannot write to and leaves nothing", async () => {
    await chmod(folder, 0o755);
    const path = join(folder, "none", "x.tar");
    await expect(writeImage(path, { names: ["localhost/x:1"], files: [] })).rejects.toMatchObject({
      code: "KX_CLUSTER_IMAGE_WRITE",
      remedy: expect.stringContaining(join(folder, "none")) as unknown,
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
