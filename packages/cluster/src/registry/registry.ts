import { readdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { KxError } from "@kx/core";
import { readArchive } from "../images/archive.ts";
import { Access, type AccessRule, type Decision, parseIdentity } from "./access.ts";
import { parseRange } from "./byte-range.ts";
import { Catalogue, type Found } from "./catalogue.ts";
import { sendError, sendJson } from "./responses.ts";
import { type Place, parseRoute } from "./route.ts";
import { readTokenRequest } from "./token-request.ts";

/** Options of {@link createRegistry}. */
export interface RegistryOptions {
  /** OCI archives to serve from the start: their paths, or a folder whose `*.tar` files are taken. Default: none. */
  readonly archives?: string | readonly string[];
  /** Who may pull what. Default: everybody everything. */
  readonly access?: readonly AccessRule[];
  /** Told of each request once it is answered. */
  readonly onRequest?: (request: RegistryRequest) => void;
  /** Milliseconds since the epoch, for the life of tokens. Default: Date.now. */
  readonly now?: () => number;
}

/** A request that was answered. */
export interface RegistryRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly status: number;
  /** Full name of the repository, if the request was for one that is known. */
  readonly repository?: string;
  /** Who had authenticated, if that was needed. */
  readonly user?: string;
}

/** A read-only OCI registry that answers for every registry's names. It does not listen: give `handler` to a server. */
export interface Registry {
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void;
  /** Serves an archive's images too, and returns their names. Throws what `readArchive` throws. */
  add(path: string): Promise<string[]>;
  /** Every full name that can be pulled, sorted. */
  images(): string[];
}

async function archivePaths(archives: string | readonly string[]): Promise<readonly string[]> {
  if (typeof archives !== "string") return archives;
  try {
    const names = await readdir(archives);
    return names
      .filter((name) => name.endsWith(".tar"))
      .toSorted()
      .map((name) => join(archives, name));
  } catch (cause) {
    throw new KxError("KX_CLUSTER_IMAGE_ARCHIVE_READ", `cannot list the folder of archives ${archives}`, { cause });
  }
}

/** What a request turned out to be, for the log. */
interface Noted {
  repository?: string;
  user?: string;
}

function challenge(req: IncomingMessage, scheme: AccessRule["scheme"], place?: Place): string {
  // The service says which registry is meant, because the scopes of the token protocol do not.
  const host = /^[A-Za-z0-9.:[\]-]{1,255}$/.exec(req.headers.host ?? "")?.[0] ?? "localhost";
  const registry = /^[A-Za-z0-9.:-]{1,255}$/.exec(place?.registry ?? "")?.[0] ?? "";
  if (scheme === "basic") return 'Basic realm="kx"';
  const scope = place === undefined ? "" : `,scope="repository:${place.repository}:pull"`;
  return `Bearer realm="http://${host}/token",service="${registry}"${scope}`;
}

class Handler {
  readonly #catalogue: Catalogue;
  readonly #access: Access;

  constructor(catalogue: Catalogue, access: Access) {
    this.#catalogue = catalogue;
    this.#access = access;
  }

  async answer(req: IncomingMessage, res: ServerResponse, noted: Noted): Promise<void> {
    res.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
    const route = parseRoute(req.url ?? "");
    if (route.kind === "token") return this.#token(req, res, noted);
    if (req.method !== "GET" && req.method !== "HEAD") {
      return sendError(res, 405, "UNSUPPORTED", "this registry is read-only");
    }
    switch (route.kind) {
      case "ping":
        return this.#ping(req, res);
      case "manifest":
        return this.#serve(req, res, noted, route, (name) => this.#catalogue.manifest(name, route.reference));
      case "blob":
        return this.#serve(req, res, noted, route, (name) => this.#catalogue.blob(name, route.digest));
      case "bad-name":
        return sendError(res, 400, "NAME_INVALID", `${JSON.stringify(route.text)} is not a name`);
      case "unknown":
        return sendError(res, 404, "UNSUPPORTED", "no such path");
    }
  }

  #ping(req: IncomingMessage, res: ServerResponse): void {
    const schemes = this.#access.schemes();
    if (schemes.length === 0 || this.#access.knowsAny(parseIdentity(req.headers.authorization))) {
      return sendJson(res, 200, {});
    }
    res.setHeader(
      "WWW-Authenticate",
      schemes.map((scheme) => challenge(req, scheme)),
    );
    return sendError(res, 401, "UNAUTHORIZED", "authentication required");
  }

  async #token(req: IncomingMessage, res: ServerResponse, noted: Noted): Promise<void> {
    if (req.method !== "GET" && req.method !== "POST") return sendError(res, 405, "UNSUPPORTED", "use GET or POST");
    const request = await readTokenRequest(req);
    if (request === undefined) return sendError(res, 400, "UNSUPPORTED", "only passwords are taken");
    const { service, repositories, identity } = request;
    const wanted = repositories.flatMap((repository) =>
      this.#catalogue.resolve(service === "" ? { repository } : { registry: service, repository }),
    );
    const issued = this.#access.issue(wanted, identity);
    if (issued === undefined) return sendError(res, 401, "UNAUTHORIZED", "unknown user or wrong password");
    if (identity.kind === "user") noted.user = identity.user;
    res.setHeader("Cache-Control", "no-store");
    return sendJson(res, 200, {
      token: issued.token,
      access_token: issued.token,
      expires_in: issued.expiresInSeconds,
      issued_at: issued.issuedAt.toISOString(),
    });
  }

  async #serve(
    req: IncomingMessage,
    res: ServerResponse,
    noted: Noted,
    place: Place & { readonly kind: "manifest" | "blob" },
    find: (name: string) => Found | undefined,
  ): Promise<void> {
    const identity = parseIdentity(req.headers.authorization);
    const names = this.#catalogue.resolve(place);
    let refused: (Decision & { allowed: false }) | undefined;
    for (const name of names) {
      noted.repository = name;
      const decision = this.#access.check(name, identity);
      if (!decision.allowed) {
        refused ??= decision;
        continue;
      }
      const found = find(name);
      if (found === undefined) continue;
      if (decision.user !== undefined) noted.user = decision.user;
      return sendFound(req, res, found);
    }
    if (refused !== undefined) {
      res.setHeader("WWW-Authenticate", challenge(req, refused.scheme, place));
      return sendError(res, 401, "UNAUTHORIZED", refused.reason);
    }
    if (names.length === 0) return sendError(res, 404, "NAME_UNKNOWN", `no repository ${place.repository} here`);
    const code = place.kind === "manifest" ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN";
    return sendError(res, 404, code, `no such ${place.kind} in ${place.repository}`);
  }
}

async function sendFound(req: IncomingMessage, res: ServerResponse, found: Found): Promise<void> {
  const range = parseRange(req.headers.range, found.size);
  if (range === "unsatisfiable") {
    res.setHeader("Content-Range", `bytes */${found.size}`);
    return sendError(res, 416, "RANGE_INVALID", `the content has ${found.size} bytes`);
  }
  const headers = {
    "Content-Type": found.mediaType,
    "Docker-Content-Digest": found.digest,
    ETag: `"${found.digest}"`,
    "Accept-Ranges": "bytes",
  };
  const body = req.method === "HEAD" || found.size === 0 ? undefined : await openBody(found, range);
  if (range === "whole") res.writeHead(200, { ...headers, "Content-Length": found.size });
  else {
    res.writeHead(206, {
      ...headers,
      "Content-Length": range.end - range.start + 1,
      "Content-Range": `bytes ${range.start}-${range.end}/${found.size}`,
    });
  }
  if (body === undefined) res.end();
  else await pipeline(body, res);
}

function openBody({ archive, digest }: Found, range: { start: number; end: number } | "whole") {
  return range === "whole" ? archive.openBlob(digest) : archive.openBlob(digest, range);
}

/** Makes a registry and reads its first archives. Throws what `readArchive` throws. */
export async function createRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const catalogue = new Catalogue();
  const handler = new Handler(catalogue, new Access(options.access ?? [], options.now ?? Date.now));
  const add = async (path: string): Promise<string[]> => catalogue.add(await readArchive(path));
  for (const path of await archivePaths(options.archives ?? [])) await add(path);

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const noted: Noted = {};
    try {
      await handler.answer(req, res, noted);
    } catch (error) {
      // A client that hangs up ends here too; only an answer that has not begun can still say what went wrong.
      if (res.headersSent) res.destroy();
      else sendError(res, 500, "UNKNOWN", KxError.from(error).message);
    }
    const { method = "", url = "" } = req;
    options.onRequest?.({ method, url, status: res.statusCode, ...noted });
  }

  return {
    handler: (req, res) => void handle(req, res),
    add,
    images: () => catalogue.names(),
  };
}
