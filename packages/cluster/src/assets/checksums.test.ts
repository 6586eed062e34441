import { describe, expect, it } from "vitest";
import { checksumsOf, parseChecksum } from "./checksums.ts";

const a = "a".repeat(64);
const b = "b".repeat(64);

describe("parseChecksum", () => {
  it.each([
    ["a bare sum", `${a}\n`, a],
    ["sha256sum's lines", `${b}  other\n${a}  file.tgz\n`, a],
    ["sha256sum's binary mark", `${a} *file.tgz`, a],
    ["a path", `${a}  ./file.tgz`, a],
    ["headings and capitals", `### SHA256SUMS\n${a.toUpperCase()}  file.tgz`, a],
  ])("reads %s", (_, text, expected) => {
    expect(parseChecksum(text, "file.tgz")).toBe(expected);
  });
  it.each([
    ["another file's sum", `${b}  other`],
    ["an error page", "<html>Not Found</html>"],
    ["a sum that is too short", a.slice(1)],
    ["several bare sums", `${a}\n${b}`],
    ["nothing", ""],
  ])("does not take %s", (_, text) => {
    expect(parseChecksum(text, "file.tgz")).toBeUndefined();
  });
});

describe("checksumsOf", () => {
  const files = ["x", "y"].map((url) => ({ url, checksumUrl: "" }));
  const table = (rows: Record<string, string>) => ({ "1.2.3": { "linux-amd64": rows } });
  it("wants a sum for every file", () => {
    expect(checksumsOf(table({ x: a, y: b }), "1.2.3", "linux-amd64", files)?.get("y")).toBe(b);
    expect(checksumsOf(table({ x: a }), "1.2.3", "linux-amd64", files)).toBeUndefined();
    expect(checksumsOf(table({ x: a, y: "?" }), "1.2.3", "linux-amd64", files)).toBeUndefined();
    expect(checksumsOf(table({ x: a, y: b }), "1.2.4", "linux-amd64", files)).toBeUndefined();
    expect(checksumsOf({}, "1.2.3", "linux-amd64", files)).toBeUndefined();
    expect(checksumsOf(table({}), "1.2.3", "linux-amd64", [])).toBeUndefined();
  });
});
