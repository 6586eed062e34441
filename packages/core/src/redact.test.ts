import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSecretKey, redact, redacted, redactText } from "./redact.ts";

const planted = "pl4nted-s3cret-value";

describe("isSecretKey", () => {
  it.each([
    "password",
    "PASSWORD",
    "db_password",
    "secret",
    "secrets",
    "csi-secrets",
    "clientSecret",
    "token",
    "tokens",
    "serviceAccountToken",
    "Authorization",
    "proxy-authorization",
    "client-key-data",
    "clientKeyData",
    "privateKey",
    "private_key",
    "apiKey",
    "Set-Cookie",
    "credentials",
  ])("knows %s", (key) => {
    expect(isSecretKey(key)).toBe(true);
  });

  it.each(["name", "key", "secretName", "tokenPath", "continueToken", "imagePullSecrets", "volumeId", "tokenizer"])(
    "leaves %s alone",
    (key) => {
      expect(isSecretKey(key)).toBe(false);
    },
  );
});

describe("redact", () => {
  it("removes a secret at any depth, in arrays, maps, errors and causes", () => {
    const key = fc.constantFrom(
      "password",
      "secrets",
      "token",
      "authorization",
      "client-key-data",
      "tls.key: privateKey",
    );
    const wrap = fc.constantFrom<(inner: unknown) => unknown>(
      (inner) => ({ inner, other: 1 }),
      (inner) => [0, inner],
      (inner) => new Map([["item", inner]]),
      (inner) => new Set([inner]),
      (inner) => new Error("outer", { cause: inner }),
      (inner) => new AggregateError([inner], "many"),
      (inner) => Object.assign(new Error("with details"), { details: inner }),
    );
    const value = fc.constantFrom<unknown>(planted, [planted], { deep: { deeper: planted } }, new Error(planted));
    fc.assert(
      fc.property(key, value, fc.array(wrap, { maxLength: 12 }), (name, secret, wraps) => {
        const tree = wraps.reduce((inner, next) => next(inner), { [name]: secret } as unknown);
        const text = JSON.stringify(redact(tree));
        expect(text).not.toContain(planted);
        expect(/\[redacted\]|\[too deep\]/.test(text)).toBe(true);
      }),
    );
  });

  it("never throws and always gives JSON", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true }), (value) => {
        expect(() => JSON.stringify(redact(value))).not.toThrow();
      }),
    );
    const hostile = {
      get boom(): string {
        throw new Error("no");
      },
    };
    expect(redact({ hostile })).toEqual({ hostile: "[unreadable]" });
  });

  it("keeps what is no secret, and whether a secret is set at all", () => {
    const plain = { a: 1, b: "text", c: [true, null], d: { secretName: "tls" }, token: "", password: null };
    expect(redact(plain)).toEqual(plain);
    expect(redact({ token: "x" })).toEqual({ token: redacted });
  });

  it("is bounded in depth and breadth, and tells so", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(redact(circle)).toEqual({ self: "[circular]" });
    let deep: unknown = "end";
    for (let i = 0; i < 100; i++) deep = { deep };
    expect(JSON.stringify(redact(deep))).toContain("[too deep]");
    expect(redact(Array.from({ length: 1000 }, () => 0))).toHaveLength(201);
    expect(redact(Buffer.from("secret bytes"))).toBe("[12 bytes]");
  });
});

describe("redactText", () => {
  it.each([
    `Authorization: Bearer ${planted}`,
    `request failed: bearer ${planted}!`,
    `https://user:${planted}@host/path`,
    `{"password":"${planted}"}`,
    `mount -o username=a,password=${planted},vers=3`,
    `client-key-data: ${planted}`,
    `-----BEGIN RSA PRIVATE KEY-----\n${planted}\n-----END RSA PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\n${planted} (cut short`,
    `eyJhbGciOiJSUzI1NiJ9.${planted}.c2ln`,
  ])("cleans %s", (text) => {
    expect(redactText(text)).not.toContain(planted);
  });

  it.each(["token bucket is empty", "the secret foo/bar was not found", "a basic test", "https://host:443/path"])(
    "leaves %s alone",
    (text) => {
      expect(redactText(text)).toBe(text);
    },
  );
});
