import { createHash } from "node:crypto";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { KxError } from "@kx/core";
import * as fc from "fast-check";
import { packTar, type TarEntry, unpackTar } from "modern-tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readArchive } from "./archive.ts";
import { buildImage } from "./build-image.ts";

let folder: string;
let sound: Uint8Array;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-archive-"));
  sound = await buildImage({
    names: ["nginx", "localhost/x:1"],
    files: [{ type: "file", path: "/hello", content: "hello" }],
    platform: { os: "linux", architecture: "amd64" },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function stored(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${files++}.tar`);
  await writeFile(path, bytes);
  return path;
}

/** The sound archive with its entries changed. */
async function altered(change: (entries: TarEntry[]) => TarEntry[]): Promise<string> {
  const entries = (await unpackTar(sound)).map(({ header, data }) => ({ header, body: data ?? new Uint8Array() }));
  return stored(await packTar(change(entries)));
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const file = (name: string, body: string): TarEntry => ({ header: { name, size: Buffer.byteLength(body) }, body });

const drop = (name: RegExp) => (entries: TarEntry[]) => entries.filter((entry) => !name.test(entry.header.name));
const put = (name: string, body: string) => (entries: TarEntry[]) => [
  ...drop(new RegExp(`^${name}$`))(entries),
  file(name, body),
];

describe("readArchive", () => {
  it("finds every image and blob, whose bytes have their digests", async () => {
    const archive = await readArchive(await stored(sound));
    expect(archive.images.map((image) => image.name)).toEqual(["docker.io/library/nginx:latest", "localhost/x:1"]);
    expect(archive.blobs.size).toBe(3);
    for (const { digest, size } of archive.blobs.values()) {
      const bytes = await buffer(await archive.openBlob(digest));
      expect(bytes.length).toBe(size);
      expect(sha256(bytes)).toBe(digest);
      expect(await buffer(await archive.openBlob(digest, { start: 1, end: 3 }))).toEqual(bytes.subarray(1, 4));
    }
  });

  it("takes entries of other tools: ./ before names, folders, pax headers", async () => {
    const path = await altered((entries) => [
      { header: { name: "./", size: 0, type: "directory" } },
      ...entries.map(({ header, ...rest }) => ({
        ...rest,
        header: { ...header, name: `./${header.name}`, pax: { mtime: "1.5", path: `./${header.name}` } },
      })),
    ]);
    expect((await readArchive(path)).images).toHaveLength(2);
  });

  it("reads an index of several platforms of which only one is here", async () => {
    const original = (await unpackTar(sound)).find(({ header }) => header.name === "index.json");
    const { manifests }: { manifests: { digest: string }[] } = JSON.parse(Buffer.from(original?.data ?? []).toString());
    const path = await altered((entries) => {
      const absent = { ...manifests[0], digest: `sha256:${"0".repeat(64)}` };
      const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [manifests[0], absent] }));
      const outer = JSON.stringify({
        schemaVersion: 2,
        manifests: [
          {
            mediaType: "application/vnd.oci.image.index.v1+json",
            digest: sha256(inner),
            size: inner.length,
            annotations: { "org.opencontainers.image.ref.name": "docker.io/library/multi:2" },
          },
        ],
      });
      return [
        ...entries.filter(({ header }) => header.name !== "index.json"),
        file("index.json", outer),
        file(`blobs/sha256/${sha256(inner).slice(7)}`, inner.toString()),
      ];
    });
    const [image, ...others] = (await readArchive(path)).images;
    expect(others).toEqual([]);
    expect(image?.name).toBe("docker.io/library/multi:2");
    expect(image?.manifests.size).toBe(2);
    expect(image?.blobs.size).toBe(2);
  });

  it("refuses to stream from a file that was changed", async () => {
    const path = await stored(sound);
    const archive = await readArchive(path);
    await appendFile(path, "x");
    const digest = [...archive.blobs.keys()][0] ?? "";
    await expect(archive.openBlob(digest)).rejects.toMatchObject({ code: "KX_CLUSTER_IMAGE_ARCHIVE_READ" });
  });

  it("says that a file is missing", async () => {
    await expect(readArchive(join(folder, "none"))).rejects.toMatchObject({ code: "KX_CLUSTER_IMAGE_ARCHIVE_READ" });
  });

  it.each<[string, (entries: TarEntry[]) => TarEntry[], RegExp]>([
    ["no layout", drop(/oci-layout/), /has no entry oci-layout/],
    ["Docker's own format", (e) => put("manifest.json", "[]")(drop(/oci-layout/)(e)), /Docker's own format/],
    ["another layout version", put("oci-layout", '{"imageLayoutVersion":"2.0.0"}'), /layout version "2.0.0"/],
    ["no index", drop(/index/), /has no entry index\.json/],
    ["an index that is not JSON", put("index.json", "{"), /index\.json is not JSON/],
    ["an index of nothing", put("index.json", '{"manifests":[]}'), /names no image/],
    ["an index that is too large", put("index.json", " ".repeat(5_000_000)), /index\.json is larger than/],
    ["a missing blob", drop(/blobs/), /has no blob sha256:.*index\.json names/],
    ["a wrong digest", put(`blobs/sha256/${"0".repeat(64)}`, "x"), /entry blobs\/sha256\/0+ has the digest/],
    ["a way out", put("../x", "x"), /"\.\.\/x" leads out/],
    ["an absolute path", put("/x", "x"), /"\/x" leads out/],
    ["an entry twice", (entries) => [...entries, ...entries.slice(0, 1)], /"oci-layout" twice/],
    [
      "a link",
      (entries) => [...entries, { header: { name: "l", type: "symlink", size: 0, linkname: "/etc/passwd" } }],
      /"l" is neither a file nor a folder/,
    ],
  ])("refuses %s, naming archive and entry", async (_, change, message) => {
    const path = await altered(change);
    const error = await readArchive(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "KX_CLUSTER_IMAGE_ARCHIVE", reason: expect.stringContaining(path) as unknown });
    expect(String(error)).toMatch(message);
  });

  it("meets mutated bytes with its own errors only", async () => {
    const path = join(folder, "fuzz.tar");
    const mutation = fc.record({
      at: fc.nat(sound.length - 1),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
    });
    // Headers are where the parser decides, so half of the changes go there; the checksum is then made right again.
    const headerChange = fc.record({
      field: fc.constantFrom([0, 100], [124, 12], [156, 1], [257, 6], [345, 155]),
      entry: fc.nat(5),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
    });
    let refused = 0;
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutation, { maxLength: 3 }),
        fc.array(headerChange, { maxLength: 3 }),
        fc.option(fc.nat(sound.length)),
        async (mutations, headers, cut) => {
          const bytes = Buffer.from(sound);
          for (const change of mutations) bytes.set(change.bytes.subarray(0, bytes.length - change.at), change.at);
          for (const change of headers) {
            const header = bytes.subarray(headerOffsets[change.entry % headerOffsets.length] ?? 0).subarray(0, 512);
            const [offset = 0, size = 0] = change.field;
            header.set(change.bytes.subarray(0, size), offset);
            resum(header);
          }
          await writeFile(path, cut === null ? bytes : bytes.subarray(0, cut));
          runs++;
          try {
            await readArchive(path);
          } catch (error) {
            refused++;
            expect(KxError.is(error), String(error)).toBe(true);
          }
        },
      ),
      { numRuns: 400, verbose: 1 },
    );
    // A run in which nothing was refused would say that nothing was mutated.
    expect(refused).toBeGreaterThan(runs / 2);
  });
});

let headerOffsets: readonly number[] = [];
beforeAll(() => {
  const offsets: number[] = [];
  for (let at = 0; at + 512 <= sound.length; at += 512) {
    if (Buffer.from(sound).toString("latin1", at + 257, at + 262) === "ustar") offsets.push(at);
  }
  headerOffsets = offsets;
});

function resum(header: Uint8Array): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `, "latin1"), 148);
}
