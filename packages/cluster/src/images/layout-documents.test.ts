import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIndex, parseLayout, parseManifest } from "./layout-documents.ts";
import { TarProblem } from "./tar-entries.ts";

const digest = `sha256:${"a".repeat(64)}`;
const descriptor = { mediaType: "application/x", digest, size: 1 };
const manifest = { mediaType: "application/vnd.oci.image.manifest.v1+json", config: descriptor, layers: [descriptor] };

describe("parseManifest", () => {
  it("tells a manifest from an index, with and without media type", () => {
    expect(parseManifest(manifest, "m").kind).toBe("manifest");
    expect(parseManifest({ config: descriptor, layers: [] }, "m").kind).toBe("manifest");
    expect(parseManifest({ manifests: [descriptor] }, "m")).toEqual({ kind: "index", manifests: [descriptor] });
  });

  it.each([
    [{ ...manifest, mediaType: "text/plain" }, /media type "text\/plain"/],
    [{ ...manifest, layers: [{ ...descriptor, digest: "sha256:../x" }] }, /m layers\[0\] has no sha256 digest/],
    [{ ...manifest, config: { ...descriptor, size: -1 } }, /m config has no size/],
    [{ ...manifest, config: { ...descriptor, mediaType: "a\r\nb: c" } }, /m config has no media type/],
  ])("refuses %j", (document, message) => {
    expect(() => parseManifest(document, "m")).toThrow(message);
  });
});

it("meets any document with its own error only", () => {
  const value = fc.oneof(fc.jsonValue(), fc.constant(descriptor), fc.constant([descriptor]));
  const document = fc.record(
    { mediaType: value, config: value, layers: value, manifests: value, annotations: value, imageLayoutVersion: value },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(document, fc.jsonValue()), (given) => {
      for (const parse of [parseIndex, parseManifest, parseLayout]) {
        try {
          parse(given, "d");
        } catch (error) {
          expect(error).toBeInstanceOf(TarProblem);
        }
      }
    }),
  );
});
