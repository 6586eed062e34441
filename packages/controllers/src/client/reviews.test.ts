import { expect, it } from "vitest";
import { reviewAccess, reviewToken } from "./reviews.ts";

/** Answers every request with this status, and keeps the body of the last. */
function server(status: object) {
  const asked: { path?: string; body?: unknown } = {};
  const raw = async (_: string, path: string, body?: unknown): Promise<unknown> => {
    Object.assign(asked, { path, body });
    return { status };
  };
  return { raw, asked };
}
const user = { username: "a", uid: "u", groups: ["g"], extra: { k: ["v"] } };

it("tells whose token it is, for the audience asked about alone", async () => {
  const known = server({ authenticated: true, audiences: ["backup"], user });
  expect(await reviewToken(known, "t", { audience: "backup" })).toEqual(user);
  expect(known.asked).toMatchObject({
    path: "/apis/authentication.k8s.io/v1/tokenreviews",
    body: { spec: { token: "t", audiences: ["backup"] } },
  });
  expect(await reviewToken(known, "t", { audience: "other" })).toBeUndefined();
  expect(await reviewToken(known, "t")).toEqual(user);
  expect(await reviewToken(server({ authenticated: true, user }), "t", { audience: "backup" })).toBeUndefined();
  expect(await reviewToken(server({ authenticated: false, user }), "t")).toBeUndefined();
  expect(await reviewToken(server({ error: "no" }), "t")).toBeUndefined();
});

it("tells whether somebody may, with all that is known of him", async () => {
  const access = { resourceAttributes: { verb: "get", resource: "pods", namespace: "n" } };
  const allowing = server({ allowed: true, reason: "by role" });
  expect(await reviewAccess(allowing, user, access)).toEqual({ isAllowed: true, reason: "by role" });
  expect(allowing.asked).toMatchObject({
    path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    body: { spec: { user: "a", uid: "u", groups: ["g"], extra: { k: ["v"] }, ...access } },
  });
  for (const status of [{ allowed: false }, { allowed: true, denied: true }, {}]) {
    expect((await reviewAccess(server(status), user, access)).isAllowed).toBe(false);
  }
});
