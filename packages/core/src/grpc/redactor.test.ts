import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  CountRequestSchema,
  EchoRequestSchema,
  NestedSchema,
  test_secret,
} from "../../test/support/echo/gen/echo_pb.ts";
import { createRedactor, withoutSecrets } from "./redactor.ts";

const request = create(EchoRequestSchema, {
  text: "hello",
  number: 5n,
  payload: new Uint8Array(3),
  secrets: { user: "admin", pass: "hunter2" },
  token: "t0ken",
  nested: {
    name: "outer",
    password: "outer-pw",
    children: [
      { name: "inner", password: "inner-pw", choice: { case: "hidden", value: "chosen-pw" } },
      { name: "open", choice: { case: "plain", value: "seen" } },
    ],
  },
});

describe("createRedactor", () => {
  it("replaces fields that are named, where no option may be added", () => {
    const redactor = createRedactor({ secretFields: [EchoRequestSchema.field.text] });
    expect(redactor.show(EchoRequestSchema, create(EchoRequestSchema, { text: "hello", number: 5n }))).toEqual({
      text: "[redacted]",
      number: 5n,
    });
    expect(redactor.secretsIn(EchoRequestSchema, request)).toContain("hello");
  });

  it("replaces what an option marks, at any depth, and shows the rest", () => {
    const redactor = createRedactor({ secretOptions: [test_secret] });
    expect(redactor.show(EchoRequestSchema, request)).toEqual({
      text: "hello",
      number: 5n,
      payload: "[3 bytes]",
      secrets: "[redacted]",
      token: "[redacted]",
      nested: {
        name: "outer",
        password: "[redacted]",
        children: [
          { name: "inner", password: "[redacted]", hidden: "[redacted]" },
          { name: "open", plain: "seen" },
        ],
      },
    });
  });

  it("knows debug_redact by itself, and nothing else", () => {
    const shown = createRedactor().show(EchoRequestSchema, request);
    expect(shown).toMatchObject({ token: "[redacted]", secrets: { user: "admin" } });
  });

  it("finds the secrets of a message, the longest first, and takes them out of a text", () => {
    const redactor = createRedactor({ secretOptions: [test_secret] });
    const secrets = redactor.secretsIn(EchoRequestSchema, request);
    expect(secrets.toSorted()).toEqual(["admin", "chosen-pw", "hunter2", "inner-pw", "outer-pw", "t0ken"]);
    expect(secrets[0]).toBe("chosen-pw");
    expect(withoutSecrets("login admin:hunter2 failed", secrets)).toBe("login [redacted]:[redacted] failed");
  });

  it("tells types that hold secrets from others, through recursion", () => {
    const redactor = createRedactor({ secretOptions: [test_secret] });
    expect(redactor.holdsSecrets(NestedSchema)).toBe(true);
    expect(redactor.holdsSecrets(CountRequestSchema)).toBe(false);
    expect(createRedactor().holdsSecrets(NestedSchema)).toBe(false);
  });

  it("ends on a message that holds itself", () => {
    const nested = create(NestedSchema, { name: "loop" });
    nested.children.push(nested);
    const redactor = createRedactor({ secretOptions: [test_secret] });
    expect(JSON.stringify(redactor.show(NestedSchema, nested))).toContain("too deep");
    expect(redactor.secretsIn(NestedSchema, nested)).toEqual([]);
  });
});
