import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterEach, beforeEach, expect, it } from "vitest";
import { download } from "./download.ts";
import { extract } from "./extract.ts";

const content = randomBytes(300_000);
const sha256 = createHash("sha256").update(content).digest("hex");

let dir: string;
let to: string;
let server: Server;
let url: string;
let ranges: (string | undefined)[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

/** Answers a range as a release host does. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start >= content.length) {
    response.writeHead(416).end();
    return;
  }
  const range = `bytes ${start}-${content.length - 1}/${content.length}`;
  response.writeHead(start > 0 ? 206 : 200, {
    "content-length": content.length - start,
    ...(start > 0 ? { "content-range": range } : {}),
  });
  response.end(content.subarray(start));
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "kx-download-"));
  to = join(dir, "file");
  ranges = [];
  answer = serve;
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

it("stores a file under its name only when its checksum is right", async () => {
  const seen: (number | undefined)[] = [];
  await download(url, { to, sha256, onBytes: (received, total) => seen.push(received, total) });
  expect(content.equals(await readFile(to))).toBe(true);
  expect(seen.slice(-2)).toEqual([content.length, content.length]);
  expect(await readdir(dir)).toEqual(["file"]);
});

it("refuses and removes a file with another checksum", async () => {
  await expect(download(url, { to, sha256: "0".repeat(64) })).rejects.toThrow("KX_CLUSTER_DOWNLOAD_CHECKSUM");
  expect(await readdir(dir)).toEqual([]);
});

it("goes on where a connection broke", async () => {
  answer = (request, response) => {
    if (ranges.length > 1) serve(request, response);
    else response.writeHead(200, { "content-length": content.length }).write(content.subarray(0, 100_000));
  };
  const onBytes = (received: number) => {
    if (received === 100_000) server.closeAllConnections();
  };
  await download(url, { to, sha256, onBytes });
  expect(ranges).toEqual([undefined, "bytes=100000-"]);
  expect(content.equals(await readFile(to))).toBe(true);
});

it("goes on where an earlier run broke off", async () => {
  await writeFile(`${to}.part`, content.subarray(0, 1234));
  await download(url, { to, sha256 });
  expect(ranges).toEqual(["bytes=1234-"]);
  expect(content.equals(await readFile(to))).toBe(true);
});

it("starts anew with a host that knows no ranges", async () => {
  await writeFile(`${to}.part`, content.subarray(0, 1234));
  answer = (_, response) => response.end(content);
  await download(url, { to, sha256 });
  expect(content.equals(await readFile(to))).toBe(true);
});

it("starts anew when what is there is longer than the file", async () => {
  await writeFile(`${to}.part`, Buffer.concat([content, content]));
  await download(url, { to, sha256 });
  expect(ranges).toEqual([`bytes=${2 * content.length}-`, undefined]);
});

it("finds out by the checksum that what was there is of another file", async () => {
  await writeFile(`${to}.part`, randomBytes(1234));
  await expect(download(url, { to, sha256 })).rejects.toThrow("KX_CLUSTER_DOWNLOAD_CHECKSUM");
  await download(url, { to, sha256 });
  expect(ranges).toEqual(["bytes=1234-", undefined]);
});

it("gives up on a file that is not there, at once", async () => {
  answer = (_, response) => response.writeHead(404).end();
  await expect(download(url, { to, sha256 })).rejects.toThrow("HTTP 404");
  expect(ranges).toHaveLength(1);
});

it("gives up on a connection that breaks again and again, and keeps what has arrived", async () => {
  answer = (_, response) => {
    const start = 1000 * (ranges.length - 1);
    const headers = { "content-length": content.length, "content-range": `bytes ${start}-` };
    response.writeHead(start === 0 ? 200 : 206, headers).write(content.subarray(start, start + 1000));
  };
  const onBytes = () => server.closeAllConnections();
  await expect(download(url, { to, sha256, onBytes })).rejects.toThrow("KX_CLUSTER_DOWNLOAD_FAILED");
  expect(ranges).toEqual([undefined, "bytes=1000-", "bytes=2000-"]);
  expect(await readdir(dir)).toEqual(["file.part"]);
});

it("gives up on a host that sends nothing", async () => {
  answer = (_, response) => response.writeHead(200, { "content-length": content.length }).write("x");
  await expect(download(url, { to, sha256, idleMs: 50, tries: 1 })).rejects.toThrow("nothing received for 50 ms");
});

it("stops when it is aborted", async () => {
  answer = (_, response) => response.writeHead(200, { "content-length": content.length }).write("x");
  const controller = new AbortController();
  const onBytes = () => controller.abort(new Error("enough"));
  await expect(download(url, { to, sha256, signal: controller.signal, onBytes })).rejects.toThrow("enough");
});

it("unpacks the wanted members of an archive, and nothing else", async () => {
  const member = (name: string) => ({ header: { name, size: 4, type: "file" as const }, body: "text" });
  const archive = await packTar([member("./bridge"), member("./dhcp"), member("../../outside"), member("bin/ctr")]);
  await writeFile(to, gzipSync(archive));
  await extract(to, join(dir, "out"), { "./bridge": "cni/bridge", "bin/ctr": "bin/ctr" });
  const names = await readdir(join(dir, "out"), { recursive: true });
  expect(names.toSorted()).toEqual(["bin", "bin/ctr", "cni", "cni/bridge"]);
});
