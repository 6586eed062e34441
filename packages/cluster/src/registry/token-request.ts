import type { IncomingMessage } from "node:http";
import { isRepository } from "../images/image-name.ts";
import { type Identity, parseIdentity } from "./access.ts";

/** What a client asks the token endpoint for. */
export interface TokenRequest {
  readonly identity: Identity;
  /** The registry that our challenge named. */
  readonly service: string;
  /** Repositories to pull from, without the registry. */
  readonly repositories: readonly string[];
}

const maxForm = 64 * 1024;

/** `repository:library/nginx:pull`, several separated by spaces. */
function pullRepositories(scopes: readonly string[]): string[] {
  return scopes
    .flatMap((scope) => scope.split(" "))
    .flatMap((scope) => {
      const [, repository, actions] = /^repository:([^:]+):([a-z,*]+)$/.exec(scope) ?? [];
      if (repository === undefined || actions === undefined || !isRepository(repository)) return [];
      return actions.split(",").some((action) => action === "pull" || action === "*") ? [repository] : [];
    });
}

async function readForm(req: IncomingMessage): Promise<URLSearchParams | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxForm) return undefined;
    chunks.push(bytes);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}

/**
 * Reads a request of the Docker token protocol: GET with Basic credentials or none, or POST (OAuth 2) with a password
 * in its form, which containerd tries first. Undefined if it is neither.
 */
export async function readTokenRequest(req: IncomingMessage): Promise<TokenRequest | undefined> {
  const url = req.url ?? "";
  if (req.method === "GET") {
    const query = new URLSearchParams(url.slice(url.indexOf("?") + 1));
    return {
      identity: parseIdentity(req.headers.authorization),
      service: query.get("service") ?? "",
      repositories: pullRepositories(query.getAll("scope")),
    };
  }
  const form = await readForm(req);
  const user = form?.get("username");
  if (form === undefined || form.get("grant_type") !== "password" || typeof user !== "string") return undefined;
  return {
    identity: { kind: "user", user, password: form.get("password") ?? "" },
    service: form.get("service") ?? "",
    repositories: pullRepositories(form.getAll("scope")),
  };
}
