import { isRepository, isTag } from "../images/image-name.ts";

/** Where a manifest or blob is asked for. */
export interface Place {
  /** Registry whose images are meant (`docker.io`), as containerd says it in `?ns=`; absent: any. */
  readonly registry?: string;
  /** `library/nginx`. */
  readonly repository: string;
}

/** What a request is for. */
export type Route =
  | { readonly kind: "ping" }
  | { readonly kind: "token" }
  | ({ readonly kind: "manifest"; readonly reference: string } & Place)
  | ({ readonly kind: "blob"; readonly digest: string } & Place)
  | { readonly kind: "bad-name"; readonly text: string }
  | { readonly kind: "unknown" };

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const path = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/;

/** Parses a request's URL (path and query, as in a request line); nothing in it can make it throw. */
export function parseRoute(url: string): Route {
  const question = url.indexOf("?");
  const query = new URLSearchParams(question === -1 ? "" : url.slice(question + 1));
  let pathname: string;
  try {
    pathname = decodeURIComponent(question === -1 ? url : url.slice(0, question));
  } catch {
    return { kind: "unknown" };
  }
  if (pathname === "/v2/" || pathname === "/v2") return { kind: "ping" };
  if (pathname === "/token") return { kind: "token" };
  const [, repository, kind, last] = path.exec(pathname) ?? [];
  if (repository === undefined || last === undefined) return { kind: "unknown" };
  if (!isRepository(repository)) return { kind: "bad-name", text: repository };
  const registry = query.get("ns");
  const place: Place = registry === null ? { repository } : { registry, repository };
  const isDigest = digestPattern.test(last);
  if (kind === "blobs") return isDigest ? { kind: "blob", digest: last, ...place } : { kind: "bad-name", text: last };
  return isDigest || isTag(last) ? { kind: "manifest", reference: last, ...place } : { kind: "bad-name", text: last };
}
