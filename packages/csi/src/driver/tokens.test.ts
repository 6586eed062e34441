import { create } from "@bufbuild/protobuf";
import { NodePublishVolumeRequestSchema } from "@kx/core/contracts/csi";
import { expect, it } from "vitest";
import { csiError } from "./csi-error.ts";
import { withoutTokens } from "./tokens.ts";

const token = "eyJhbGciOi.not-a-real-one.signature";
const request = create(NodePublishVolumeRequestSchema, {
  volumeContext: { "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify({ vault: { token } }) },
});

it("takes service account tokens out of an error's text, remedy and cause, and leaves others alone", () => {
  const cause = new Error("outer", { cause: new Error(`inner ${token}`) });
  const told = csiError("UNAVAILABLE", `no login with ${token}`, { remedy: `renew ${token}`, cause, retryable: true });
  const clean = withoutTokens(told, request);
  expect(clean).toMatchObject({ code: "KX_CSI_UNAVAILABLE", retryable: true });
  expect(clean.cause).toBeUndefined();
  expect(clean.message).toBe("[KX_CSI_UNAVAILABLE] no login with [redacted] (renew [redacted])");
  const hidden = withoutTokens(csiError("NOT_FOUND", "no volume", { cause }), request);
  expect(hidden.cause).toBeUndefined();
  const harmless = csiError("NOT_FOUND", "no volume");
  expect(withoutTokens(harmless, request)).toBe(harmless);
});
