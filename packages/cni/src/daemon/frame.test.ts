import { KxError } from "@kx/core";
import { describe, expect, it } from "vitest";
import { randomOf, runSeed } from "../../test/support/random.ts";
import { type CniRequest, createFrameReader, decodeFrame, encodeFrame } from "./frame.ts";

const request: CniRequest = {
  type: "kx-bridge",
  env: { CNI_COMMAND: "ADD", CNI_ARGS: "", PATH: "/usr/bin:/bin", CNI_NETNS: "/run/netns/ä" },
  stdin: '{"name":"ü"}',
};

function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (KxError.is(error) && error.code === "KX_CNI_FRAME") return error.reason;
    throw error;
  }
  throw new Error("it was taken");
}

describe("frames", () => {
  it("has the bytes that the shim sends", () => {
    const frame = encodeFrame({ type: "t", env: { A: "b" }, stdin: "xyz" });
    expect(frame.toString("latin1")).toBe("KXC1\x06\0\0\0\x03\0\0\0t\0A=b\0xyz");
  });

  it("is read whatever the pieces that it comes in", () => {
    const frame = encodeFrame(request);
    for (const size of [1, 3, 11, 12, 13, frame.length]) {
      const reader = createFrameReader();
      let read: CniRequest | undefined;
      for (let at = 0; at < frame.length; at += size) {
        expect(read).toBeUndefined();
        read = reader.push(frame.subarray(at, at + size));
      }
      expect(read).toEqual(request);
    }
  });

  it("takes the first of two variables of a name, and names of objects' own methods", () => {
    const names = Buffer.from("t\0A=1\0A=2\0__proto__=x\0constructor=y\0");
    const header = Buffer.alloc(8);
    header.writeUInt32LE(names.length, 0);
    const { env } = decodeFrame(Buffer.concat([Buffer.from("KXC1"), header, names]));
    expect(Object.entries(env)).toEqual([
      ["A", "1"],
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  it("leaves bytes that are no text to the plug-in, as marks of them", () => {
    const frame = Buffer.from("KXC1\x06\0\0\0\x01\0\0\0t\0A=\xfe\0\xff", "latin1");
    expect(decodeFrame(frame)).toEqual({ type: "t", env: { A: "\ufffd" }, stdin: "\ufffd" });
  });

  it.each([
    ["nothing", ""],
    ["another beginning", "KXC2\x02\0\0\0\0\0\0\0t\0"],
    ["too many names", "KXC1\xff\xff\xff\xff\0\0\0\0"],
    ["too much input", "KXC1\x02\0\0\0\xff\xff\xff\x7ft\0"],
    ["too little input", "KXC1\x02\0\0\0\x02\0\0\0t\0x"],
    ["no end of the names", "KXC1\x02\0\0\0\0\0\0\0tt"],
    ["no names", "KXC1\0\0\0\0\0\0\0\0"],
    ["a variable without a value", "KXC1\x04\0\0\0\0\0\0\0t\0A\0"],
    ["a variable without a name", "KXC1\x05\0\0\0\0\0\0\0t\0=A\0"],
  ])("refuses %s", (_, bytes) => {
    expect(problem(() => decodeFrame(Buffer.from(bytes, "latin1")))).toMatch(/^what came over the socket/);
  });

  it("refuses what comes after the call, and what is too large before it has come", () => {
    expect(problem(() => createFrameReader().push(Buffer.concat([encodeFrame(request), Buffer.from("x")])))).toContain(
      "1 bytes too many",
    );
    expect(problem(() => createFrameReader().push(Buffer.from("KXC1\0\0\xff\xff\0\0\0\0", "latin1")))).toContain(
      "names",
    );
  });

  it("reads or refuses anything, and what it reads says the same again", () => {
    const seed = runSeed();
    const random = randomOf(seed);
    const frame = encodeFrame(request);
    for (let round = 0; round < 10_000; round++) {
      const bytes = Buffer.from(random(2) === 0 ? frame : Array.from({ length: random(64) }, () => random(256)));
      for (let changes = random(4); changes > 0 && bytes.length > 0; changes--)
        bytes[random(bytes.length)] = random(256);
      const cut = random(3) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
      try {
        const read = decodeFrame(cut);
        expect(decodeFrame(encodeFrame(read)), `KX_FUZZ_SEED=${seed}`).toEqual(read);
      } catch (error) {
        expect(KxError.is(error) && error.code, `KX_FUZZ_SEED=${seed}: ${String(error)}`).toBe("KX_CNI_FRAME");
      }
    }
  });
});
