import { expect, it } from "vitest";
import { parseResolvConf, readResolvConf } from "./resolv-conf.ts";

it("reads a name server", () => {
  expect(parseResolvConf("\nnameserver 192.0.2.0\nnameserver 192.0.2.1\n")).toEqual({
    nameservers: ["192.0.2.0", "192.0.2.1"],
  });
});

it("leaves out comments, lines without a value and lines that it does not know", () => {
  const text =
    "\n# nameserver 192.0.2.0\n; nameserver 192.0.2.2\nnameserver 192.0.2.1\nnameserver\nsortlist 10.0.0.0\n";
  expect(parseResolvConf(text)).toEqual({ nameservers: ["192.0.2.1"] });
});

it("reads all fields, also over several lines", () => {
  const text = [
    "domain example.com",
    "nameserver 192.0.2.2",
    "\tsearch  a.example  b.example ",
    "search c.example",
    "options one two three",
    "options four",
  ];
  expect(parseResolvConf(text.join("\n"))).toEqual({
    nameservers: ["192.0.2.2"],
    domain: "example.com",
    search: ["a.example", "b.example", "c.example"],
    options: ["one", "two", "three", "four"],
  });
});

it("tells which file cannot be read", () => {
  expect(() => readResolvConf("/nowhere/resolv.conf")).toThrow("resolvConf /nowhere/resolv.conf cannot be read");
});
