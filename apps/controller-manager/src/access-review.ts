import type { HealthOptions } from "@kx/core/host";

/** What of a client is needed to ask the API server. */
export interface Reviewer {
  raw(method: "POST", path: string, body?: unknown): Promise<unknown>;
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: { readonly username?: string; readonly uid?: string; readonly groups?: readonly string[] };
  };
}

interface SubjectAccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/**
 * Lets the API server judge who asks: a token that it knows (TokenReview), of somebody who may `get` the path as a
 * nonResourceURL (SubjectAccessReview). The host's own account needs to `create` both.
 */
export function reviewAccess(reviewer: Reviewer): NonNullable<HealthOptions["authorize"]> {
  return async ({ path, token }) => {
    if (token === undefined) return "unknown";
    const { status } = (await reviewer.raw("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token },
    })) as TokenReview;
    const { username, uid, groups } = status?.user ?? {};
    if (status?.authenticated !== true || username === undefined) return "unknown";
    const review = (await reviewer.raw("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user: username, uid, groups, nonResourceAttributes: { path, verb: "get" } },
    })) as SubjectAccessReview;
    return review.status?.allowed === true ? "allowed" : "forbidden";
  };
}
