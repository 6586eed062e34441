import { expect, it } from "vitest";
import { judgeByReviews } from "./access-review.ts";

const asked = { method: "GET", path: "/metrics" };

/** Answers as an API server would that knows two tokens. */
function server() {
  const bodies: unknown[] = [];
  const raw = async (_: string, path: string, body?: unknown): Promise<unknown> => {
    bodies.push(body);
    const { spec } = body as { spec: { token?: string; user?: string } };
    if (path === "/apis/authorization.k8s.io/v1/subjectaccessreviews")
      return { status: { allowed: spec.user === "prometheus" } };
    expect(path).toBe("/apis/authentication.k8s.io/v1/tokenreviews");
    if (spec.token === "bad") return { status: { error: "invalid token" } };
    return { status: { authenticated: true, user: { username: spec.token, uid: "u1", groups: ["g"] } } };
  };
  return { raw, bodies };
}

it("allows whom the API server knows and lets get the path", async () => {
  const { raw, bodies } = server();
  expect(await judgeByReviews({ raw })({ ...asked, token: "prometheus" })).toBe("allowed");
  expect(bodies[1]).toMatchObject({
    spec: { user: "prometheus", uid: "u1", groups: ["g"], nonResourceAttributes: { path: "/metrics", verb: "get" } },
  });
});

it("tells those it does not know from those who may not, and does not ask about nobody", async () => {
  const { raw, bodies } = server();
  const authorize = judgeByReviews({ raw });
  expect(await authorize({ ...asked, token: undefined })).toBe("unknown");
  expect(bodies).toEqual([]);
  expect(await authorize({ ...asked, token: "bad" })).toBe("unknown");
  expect(await authorize({ ...asked, token: "somebody" })).toBe("forbidden");
});

it("rejects if the API server cannot be asked, so that nobody is let in", async () => {
  const authorize = judgeByReviews({ raw: () => Promise.reject(new Error("refused")) });
  await expect(authorize({ ...asked, token: "prometheus" })).rejects.toThrow("refused");
});
