import * as fc from "fast-check";
import { expect, it } from "vitest";
import { parseRoute } from "./route.ts";

const digest = `sha256:${"a".repeat(64)}`;

it.each([
  ["/v2/", { kind: "ping" }],
  ["/v2", { kind: "ping" }],
  ["/token?service=x", { kind: "token" }],
  [
    "/v2/library/nginx/manifests/latest?ns=docker.io",
    { kind: "manifest", repository: "library/nginx", reference: "latest", registry: "docker.io" },
  ],
  [`/v2/a/b/c/manifests/${digest}`, { kind: "manifest", repository: "a/b/c", reference: digest }],
  [`/v2/x/blobs/${digest}`, { kind: "blob", repository: "x", digest }],
  ["/v2/manifests/blobs/manifests/1", { kind: "manifest", repository: "manifests/blobs", reference: "1" }],
  ["/v2/x/blobs/latest", { kind: "bad-name", text: "latest" }],
  ["/v2/a/../b/manifests/1", { kind: "bad-name", text: "a/../b" }],
  ["/v2/%2e%2e/manifests/1", { kind: "bad-name", text: ".." }],
  ["/v2/Upper/manifests/1", { kind: "bad-name", text: "Upper" }],
  ["/v2/%", { kind: "unknown" }],
  ["/v1/x", { kind: "unknown" }],
  ["/v2/x/tags/list", { kind: "unknown" }],
])("parses %s", (url, route) => {
  expect(parseRoute(url)).toEqual(route);
});

it("meets any URL without throwing", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.webPath()), (url) => void parseRoute(url)));
});
