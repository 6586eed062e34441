// Our server with a client of grpc-go, and our client with a server of grpc-go: what they say to each other on the wire.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { createGrpcClient, createGrpcServer, type GrpcClient } from "@kx/core/grpc";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Echo, EchoRequestSchema } from "../support/echo/gen/echo_pb.ts";
import { echoHandlers } from "../support/echo/handlers.ts";
import { goEnvironment, goProgram } from "../support/go-program.ts";

const env = goEnvironment();
const told = "Go is not installed, so our gRPC is not compared with grpc-go";
if (env === undefined) {
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

const folder = mkdtempSync(join(tmpdir(), "kx-grpc-"));
afterAll(() => rmSync(folder, { recursive: true }));

const peer = (): string => goProgram("grpc-peer", join(import.meta.dirname, "grpc-go"), env ?? {});

interface Outcome {
  readonly code: string;
  readonly message?: string;
  readonly texts?: readonly string[];
  readonly number?: string;
  readonly bytes?: number;
  readonly details?: readonly string[];
  readonly ms?: number;
  readonly left?: number;
}

describe.skipIf(env === undefined)("a client of grpc-go, target unix:///path, with our server", () => {
  const log = collectingLogger();
  const gone: string[] = [];
  const results = new Map<string, Outcome>();

  beforeAll(async () => {
    const path = join(folder, "ours.sock");
    await using server = createGrpcServer({ log }).add(
      Echo,
      echoHandlers((code) => gone.push(code)),
    );
    await server.listen(path);
    const { stdout } = await promisify(execFile)(peer(), ["check", path]);
    for (const [name, outcome] of Object.entries(JSON.parse(stdout) as Record<string, Outcome>)) {
      results.set(name, outcome);
    }
  }, 300_000);

  test("gets the answers of each kind of method", () => {
    expect(results.get("unary")).toEqual({ code: "OK", texts: ["grüße"], number: String(2n ** 62n + 1n) });
    expect(results.get("count")).toEqual({ code: "OK", number: "1000" });
    expect(results.get("join")).toMatchObject({ code: "OK", texts: ["abc"] });
    expect(results.get("chat")).toEqual({ code: "OK", texts: ["ONE", "TWO", "THREE"] });
    expect(results.get("afterwards")).toMatchObject({ code: "OK", texts: ["still there"] });
  });

  test("may compress, and send what is large but not what is too large", () => {
    expect(results.get("gzip")).toMatchObject({ code: "OK", bytes: 2 ** 20 });
    expect(results.get("large")).toMatchObject({ code: "OK", bytes: 15 * 2 ** 20 });
    expect(results.get("too large")).toMatchObject({ code: "ResourceExhausted" });
    expect(results.get("metadata")?.code).not.toBe("OK");
  });

  test("reads status, text and details of a failure", () => {
    expect(results.get("details")).toEqual({
      code: "FailedPrecondition",
      message: "näh\n100%",
      details: ["näh\n100%"],
    });
    expect(results.get("missing")).toMatchObject({ code: "Unimplemented" });
  });

  test("has its deadline and its cancelling understood", () => {
    const deadline = results.get("deadline");
    expect(deadline).toMatchObject({ code: "DeadlineExceeded" });
    expect(deadline?.left).toBeGreaterThan(0);
    expect(deadline?.left).toBeLessThanOrEqual(30_000);
    expect(results.get("cancel")).toMatchObject({ code: "Canceled" });
    expect(gone.toSorted()).toEqual(["KX_GRPC_CANCELLED", "KX_GRPC_DEADLINE_EXCEEDED"]);
  });

  test("is not heard by Node's HTTP/2 if its authority is a path, which is logged", () => {
    expect(results.get("authority localhost")).toMatchObject({ code: "OK" });
    const refused = results.get("authority path");
    expect(refused?.code).toBe("Internal");
    expect(refused?.message).toContain("PROTOCOL_ERROR");
    const lines = log.messages("warn").filter((message) => message.includes(":authority"));
    expect(lines).toHaveLength(1);
  });
});

describe.skipIf(env === undefined)("our client with a server of grpc-go", () => {
  const path = join(folder, "theirs.sock");
  let server: ReturnType<typeof spawn>;
  let client: GrpcClient<typeof Echo>;

  beforeAll(async () => {
    server = spawn(peer(), ["serve", path], { stdio: ["pipe", "inherit", "inherit"] });
    client = createGrpcClient(Echo, { path });
    await client.calls.unary({}, { waitForReady: true, timeoutMs: 10_000 });
  }, 300_000);

  afterAll(async () => {
    client.close();
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.stdin?.end();
    await ended;
    expect(existsSync(path)).toBe(false);
  });

  test("gets the answers of each kind of method", async () => {
    expect(await client.calls.unary({ text: "grüße", number: -(2n ** 62n) })).toMatchObject({
      text: "grüße",
      number: -(2n ** 62n),
    });
    let last = 0n;
    for await (const { number } of client.calls.count({ to: 1000 })) {
      expect(number).toBe(last + 1n);
      last = number;
    }
    expect(last).toBe(1000n);
    expect((await client.calls.join([{ text: "a" }, { text: "b" }])).text).toBe("ab");
    const said: string[] = [];
    for await (const { text } of client.calls.chat([{ text: "a" }, { text: "b" }])) said.push(text);
    expect(said).toEqual(["A", "B"]);
  });

  test("reads status, text and details of a failure", async () => {
    const failure = await client.calls.unary({ failWith: 5, text: "näh\n100%" }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "KX_GRPC_NOT_FOUND", reason: expect.stringContaining("näh\n100%") });
    const details = (failure as { details: { statusDetails: Parameters<typeof anyUnpack>[0][] } }).details
      .statusDetails;
    expect(details.map((detail) => anyUnpack(detail, EchoRequestSchema)?.text)).toEqual(["näh\n100%"]);
    await expect(client.calls.missing({})).rejects.toMatchObject({ code: "KX_GRPC_UNIMPLEMENTED" });
  });

  test("has its deadline and its cancelling understood", async () => {
    expect((await client.calls.unary({}, { timeoutMs: 20_000 })).deadlineMs).toBeGreaterThan(BigInt(Date.now()));
    await expect(client.calls.unary({ hang: true }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "KX_GRPC_DEADLINE_EXCEEDED",
    });
    const stop = new AbortController();
    const reading = (async () => {
      for await (const { number } of client.calls.count({ to: -1 }, { signal: stop.signal })) {
        if (number === 3n) stop.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "KX_GRPC_CANCELLED" });
  });

  test("may send what is large but not what is too large", async () => {
    expect((await client.calls.unary({ payload: new Uint8Array(15 * 2 ** 20) })).payload).toHaveLength(15 * 2 ** 20);
    await expect(client.calls.unary({ payload: new Uint8Array(17 * 2 ** 20) })).rejects.toMatchObject({
      code: "KX_GRPC_RESOURCE_EXHAUSTED",
    });
  });
});
