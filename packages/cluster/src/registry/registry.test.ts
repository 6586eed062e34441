import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { unpackTar } from "modern-tar";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeImage } from "../images/build-image.ts";
import { createRegistry, type Registry, type RegistryOptions, type RegistryRequest } from "./registry.ts";

interface Part {
  readonly digest: string;
  readonly size: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let folder: string;
let registry: Registry;
let server: Server;
let log: RegistryRequest[];

async function image(name: string, text = name): Promise<string> {
  const path = join(folder, `${encodeURIComponent(name)}.tar`);
  await writeImage(path, { names: [name], files: [{ type: "file", path: "/name", content: text }] });
  return path;
}

async function serve(options: RegistryOptions): Promise<void> {
  log = [];
  registry = await createRegistry({ ...options, onRequest: (entry) => log.push(entry) });
  server = createServer(registry.handler).listen(0, "127.0.0.1");
  await once(server, "listening");
}

function port(): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
  return address.port;
}

/** Asks, and waits until the answer is in the log too: that may come after its client has read it. */
async function ask(path: string, headers: Record<string, string> = {}, method = "GET", body?: string): Promise<Answer> {
  const logged = log.length + 1;
  const req = request({ host: "127.0.0.1", port: port(), path, headers, method, agent: false });
  const answered = new Promise<Answer>((resolve, reject) => {
    req.on("error", reject).on("response", (res) => {
      buffer(res).then((bytes) => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: bytes }), reject);
    });
  });
  req.end(body);
  const answer = await answered;
  await vi.waitFor(() => expect(log).toHaveLength(logged), { timeout: 15_000, interval: 2 });
  return answer;
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const errorCode = ({ body }: Answer): unknown => JSON.parse(body.toString()).errors[0].code;
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

/** Follows a challenge as a client does: its realm, service and scope. */
async function token(path: string, how: "GET" | "POST", user: string, password: string): Promise<Answer> {
  const refused = await ask(path);
  const fields = new Map(
    [...(refused.headers["www-authenticate"] ?? "").matchAll(/([a-z]+)="([^"]*)"/g)].map(([, k, v]) => [k, v]),
  );
  expect(fields.get("realm")).toBe(`http://127.0.0.1:${port()}/token`);
  const query = new URLSearchParams({ service: fields.get("service") ?? "", scope: fields.get("scope") ?? "" });
  if (how === "GET") return ask(`/token?${query.toString()}`, basic(user, password));
  const form = new URLSearchParams([...query, ["grant_type", "password"], ["username", user], ["password", password]]);
  return ask("/token", { "content-type": "application/x-www-form-urlencoded" }, "POST", form.toString());
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-registry-"));
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

describe("pulling", () => {
  it("leads from the tag to the manifest, config and layer, whose digests are right", async () => {
    await image("nginx");
    await serve({ archives: folder });
    expect(registry.images()).toEqual(["docker.io/library/nginx:latest"]);
    expect((await ask("/v2/")).status).toBe(200);
    const manifest = await ask("/v2/library/nginx/manifests/latest?ns=docker.io");
    expect(manifest.status).toBe(200);
    expect(manifest.headers).toMatchObject({
      "content-type": "application/vnd.oci.image.manifest.v1+json",
      "docker-content-digest": sha256(manifest.body),
      "content-length": String(manifest.body.length),
    });
    const byDigest = await ask(`/v2/library/nginx/manifests/${sha256(manifest.body)}?ns=docker.io`);
    expect(byDigest.body).toEqual(manifest.body);
    const { config, layers }: { config: Part; layers: Part[] } = JSON.parse(manifest.body.toString());
    const parts = [config, ...layers];
    expect(parts).toHaveLength(2);
    for (const { digest, size } of parts) {
      const blob = await ask(`/v2/library/nginx/blobs/${digest}?ns=docker.io`);
      expect(blob.status).toBe(200);
      expect(sha256(blob.body)).toBe(digest);
      expect(blob.headers["content-length"]).toBe(String(size));
    }
    const layer = await ask(`/v2/library/nginx/blobs/${parts[1]?.digest}`);
    expect((await unpackTar(layer.body)).map(({ header }) => header.name)).toEqual(["name"]);
  });

  it("answers HEAD with the same headers and no body", async () => {
    await serve({ archives: [await image("nginx")] });
    const get = await ask("/v2/library/nginx/manifests/latest");
    const head = await ask("/v2/library/nginx/manifests/latest", {}, "HEAD");
    expect(head.body).toHaveLength(0);
    for (const name of ["content-type", "content-length", "docker-content-digest"]) {
      expect(head.headers[name]).toBe(get.headers[name]);
    }
  });

  it("serves a range", async () => {
    await serve({ archives: [await image("nginx")] });
    const whole = await ask("/v2/library/nginx/manifests/latest");
    const digest = sha256(whole.body);
    const part = await ask(`/v2/library/nginx/blobs/${digest}`, { range: "bytes=2-5" });
    expect(part.status).toBe(206);
    expect(part.headers["content-range"]).toBe(`bytes 2-5/${whole.body.length}`);
    expect(part.body).toEqual(whole.body.subarray(2, 6));
    const behind = await ask(`/v2/library/nginx/blobs/${digest}`, { range: "bytes=99999-" });
    expect(behind.status).toBe(416);
    expect(behind.headers["content-range"]).toBe(`bytes */${whole.body.length}`);
  });

  it("keeps registries and repositories apart", async () => {
    await serve({ archives: [await image("one.example/app:1"), await image("two.example/app:1"), await image("b:1")] });
    const one = await ask("/v2/app/manifests/1?ns=one.example");
    const two = await ask("/v2/app/manifests/1?ns=two.example");
    expect(one.body).not.toEqual(two.body);
    expect((await ask("/v2/app/manifests/1")).status).toBe(200);
    expect(errorCode(await ask("/v2/app/manifests/1?ns=three.example"))).toBe("NAME_UNKNOWN");
    expect(errorCode(await ask(`/v2/library/b/manifests/${sha256(one.body)}`))).toBe("MANIFEST_UNKNOWN");
    expect(errorCode(await ask(`/v2/library/b/blobs/${sha256(one.body)}`))).toBe("BLOB_UNKNOWN");
  });

  it("serves an added archive, and a new image under a known name", async () => {
    await serve({});
    expect(errorCode(await ask("/v2/library/x/manifests/1"))).toBe("NAME_UNKNOWN");
    expect(await registry.add(await image("x:1", "old"))).toEqual(["docker.io/library/x:1"]);
    const old = await ask("/v2/library/x/manifests/1");
    const other = join(folder, "other.tar");
    await writeImage(other, { names: ["x:1"], files: [{ type: "file", path: "/name", content: "new" }] });
    await registry.add(other);
    expect((await ask("/v2/library/x/manifests/1")).body).not.toEqual(old.body);
    expect((await ask(`/v2/library/x/manifests/${sha256(old.body)}`)).body).toEqual(old.body);
  });

  it("answers what it cannot do in the specification's form", async () => {
    const path = await image("nginx");
    await serve({ archives: [path] });
    expect((await ask("/v2/library/nginx/manifests/latest", {}, "PUT")).status).toBe(405);
    expect(errorCode(await ask("/v2/Bad/manifests/1"))).toBe("NAME_INVALID");
    expect((await ask("/elsewhere")).status).toBe(404);
    await writeFile(path, "changed");
    const failed = await ask("/v2/library/nginx/manifests/latest");
    expect(failed.status).toBe(500);
    expect(failed.body.toString()).toContain("KX_CLUSTER_IMAGE_ARCHIVE_READ");
  });

  it("refuses to start with what is no archive, naming it", async () => {
    await serve({});
    const path = join(folder, "bad.tar");
    await writeFile(path, "x".repeat(2048));
    await expect(createRegistry({ archives: folder })).rejects.toMatchObject({
      code: "KX_CLUSTER_IMAGE_ARCHIVE",
      details: { path },
    });
  });
});

describe("authentication", () => {
  const access = [
    { repository: "r.example/basic", scheme: "basic", users: { ann: "one" } },
    { repository: "r.example/token/*", scheme: "token", users: { bob: "two" } },
  ] as const;
  beforeEach(async () => {
    const names = ["r.example/basic:1", "r.example/token/app:1", "r.example/token/other:1", "r.example/open:1"];
    await serve({ archives: await Promise.all(names.map((name) => image(name))), access });
  });

  it("challenges at the root with every scheme in use", async () => {
    const root = await ask("/v2/");
    expect(root.status).toBe(401);
    expect(root.headers["www-authenticate"]).toMatch(
      /Basic realm="kx", Bearer realm="http:\/\/127\.0\.0\.1:\d+\/token"/,
    );
    expect((await ask("/v2/", basic("ann", "one"))).status).toBe(200);
  });

  it("lets the open pass and asks for a password elsewhere", async () => {
    expect((await ask("/v2/open/manifests/1?ns=r.example")).status).toBe(200);
    const refused = await ask("/v2/basic/manifests/1?ns=r.example");
    expect(refused.status).toBe(401);
    expect(errorCode(refused)).toBe("UNAUTHORIZED");
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="kx"');
    expect((await ask("/v2/basic/manifests/1?ns=r.example", basic("ann", "wrong"))).status).toBe(401);
    expect((await ask("/v2/basic/manifests/1?ns=r.example", basic("ann", "one"))).status).toBe(200);
    expect(log.map(({ status, user }) => ({ status, user }))).toEqual([
      { status: 200, user: undefined },
      { status: 401, user: undefined },
      { status: 401, user: undefined },
      { status: 200, user: "ann" },
    ]);
  });

  it("does not give a protected blob without a registry named either", async () => {
    const manifest = await ask("/v2/basic/manifests/1", basic("ann", "one"));
    expect((await ask(`/v2/basic/blobs/${sha256(manifest.body)}`)).status).toBe(401);
    expect((await ask(`/v2/open/blobs/${sha256(manifest.body)}`)).status).toBe(404);
  });

  it.each(["GET", "POST"] as const)("gives a token for what its challenge named (%s)", async (how) => {
    const app = "/v2/token/app/manifests/1?ns=r.example";
    expect((await token(app, how, "bob", "wrong")).status).toBe(401);
    const given = await token(app, how, "bob", "two");
    expect(given.status).toBe(200);
    const issued: { token: string; access_token: string; expires_in: number } = JSON.parse(given.body.toString());
    expect(issued.access_token).toBe(issued.token);
    const bearer = { authorization: `Bearer ${issued.token}` };
    expect((await ask(app, bearer)).status).toBe(200);
    expect(log.at(-1)).toMatchObject({ repository: "r.example/token/app", user: "bob", status: 200 });
    expect((await ask("/v2/token/other/manifests/1?ns=r.example", bearer)).status).toBe(401);
    expect((await ask(app, { authorization: "Bearer made-up" })).status).toBe(401);
    expect((await ask(app, basic("bob", "two"))).status).toBe(401);
  });

  it("refuses other grants and forms that are too large", async () => {
    expect((await ask("/token", {}, "POST", "grant_type=refresh_token&refresh_token=x")).status).toBe(400);
    expect((await ask("/token", {}, "POST", `grant_type=password&password=${"x".repeat(70_000)}`)).status).toBe(400);
  });
});
