import { describe, expect, it } from "vitest";
import { Access, type Identity, parseIdentity } from "./access.ts";

const anonymous: Identity = { kind: "anonymous" };
const as = (user: string, password: string): Identity => ({ kind: "user", user, password });

function setUp() {
  let now = 1_000_000;
  const access = new Access(
    [
      { repository: "r.example/basic/*", scheme: "basic", users: { ann: "one", constructor: "x" } },
      { repository: "r.example/token/app", scheme: "token", users: { bob: "two" } },
    ],
    () => now,
  );
  return { access, pass: (ms: number) => (now += ms) };
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

describe("parseIdentity", () => {
  it.each([
    [undefined, anonymous],
    ["", anonymous],
    ["Basic", anonymous],
    ["Digest x", anonymous],
    [basic(":x"), anonymous],
    [basic("nothing"), anonymous],
    [basic("ann:a:b"), as("ann", "a:b")],
    ["bearer abc", { kind: "token", token: "abc" }],
  ])("reads %s", (header, identity) => {
    expect(parseIdentity(header)).toEqual(identity);
  });
});

describe("Access", () => {
  it("leaves repositories without a rule open", () => {
    expect(setUp().access.check("r.example/basically/x", anonymous)).toEqual({ allowed: true });
  });

  it("asks for a user where a basic rule applies", () => {
    const { access } = setUp();
    const check = (identity: Identity) => access.check("r.example/basic/x", identity);
    expect(check(as("ann", "one"))).toEqual({ allowed: true, user: "ann" });
    for (const identity of [anonymous, as("ann", "two"), as("bob", "two"), as("toString", "")]) {
      expect(check(identity)).toMatchObject({ allowed: false, scheme: "basic" });
    }
  });

  it("takes a token only for its repositories and its time", () => {
    const { access, pass } = setUp();
    const issued = access.issue(["r.example/token/app", "r.example/basic/x"], as("bob", "two"));
    const identity: Identity = { kind: "token", token: issued?.token ?? "" };
    expect(access.check("r.example/token/app", identity)).toEqual({ allowed: true, user: "bob" });
    expect(access.check("r.example/basic/x", identity)).toMatchObject({ allowed: false });
    pass((issued?.expiresInSeconds ?? 0) * 1000);
    expect(access.check("r.example/token/app", identity)).toMatchObject({ allowed: false, scheme: "token" });
  });

  it("gives the anonymous a token for what is open only, and the wrong none", () => {
    const { access } = setUp();
    const issued = access.issue(["r.example/token/app", "r.example/open"], anonymous);
    const identity: Identity = { kind: "token", token: issued?.token ?? "" };
    expect(access.check("r.example/open", identity)).toEqual({ allowed: true });
    expect(access.check("r.example/token/app", identity)).toMatchObject({ allowed: false });
    expect(access.issue(["r.example/open"], as("bob", "wrong"))).toBeUndefined();
  });
});
