import type { Client } from "@kx/controllers";
import type { HealthOptions } from "@kx/core/host";

/**
 * Lets the API server judge who asks: a token that it knows (TokenReview), of somebody who may `get` the path as a
 * nonResourceURL (SubjectAccessReview). The host's own account needs to `create` both.
 */
export function judgeByReviews(client: Pick<Client, "raw">): NonNullable<HealthOptions["authorize"]> {
  return async ({ path, token }) => {
    if (token === undefined) return "unknown";
    // A health endpoint of the loopback address alone needs none of it.
    const { reviewAccess, reviewToken } = await import("@kx/controllers");
    const user = await reviewToken(client, token);
    if (user === undefined) return "unknown";
    const { isAllowed } = await reviewAccess(client, user, { nonResourceAttributes: { path, verb: "get" } });
    return isAllowed ? "allowed" : "forbidden";
  };
}
