import { KxError } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import { type CniError, type CniVersion, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { collectingLogger } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { CniHandlers, CniPlugin, GcRequest } from "./cni-plugin.ts";
import { defineCniPlugin } from "./define-plugin.ts";
import { ownFailure } from "./failure.ts";
import { type CniServices, handleCniCall } from "./handle-call.ts";

const address = { ips: [{ address: "10.0.0.2/24" }] };
const plain: CniHandlers<unknown> = { name: "plain", add: async () => address, del: async () => undefined };
const config = { cniVersion: "1.1.0", name: "net", type: "plain" };

interface Made {
  readonly command?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly config?: JsonObject | string;
  readonly services?: Partial<CniServices>;
}

async function call(handlers: Partial<CniHandlers<unknown>> | CniPlugin, made: Made = {}) {
  const plugin = "kx" in handlers ? handlers : defineCniPlugin({ ...plain, ...handlers });
  const env = {
    CNI_COMMAND: made.command ?? "ADD",
    CNI_CONTAINERID: "a1",
    CNI_NETNS: "/proc/self/ns/net",
    CNI_NETNS_OVERRIDE: "1",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/nowhere",
    ...made.env,
  };
  const log = collectingLogger();
  const stdin = typeof made.config === "string" ? made.config : JSON.stringify(made.config ?? config);
  const outcome = await handleCniCall(plugin, { env, stdin }, { log, ...made.services });
  return { ...outcome, log, output: outcome.stdout === "" ? undefined : (JSON.parse(outcome.stdout) as CniError) };
}

const failing = (error: unknown): Partial<CniHandlers<unknown>> => ({
  async add() {
    throw error;
  },
});

describe("versions", () => {
  it.each(cniVersions)("answers ADD of %s in that version", async (version) => {
    const { output, exitCode } = await call({}, { config: { ...config, cniVersion: version } });
    const ips =
      version < "0.3.0"
        ? { ip4: { ip: "10.0.0.2/24" } }
        : { ips: [{ ...(version < "1.0.0" ? { version: "4" } : {}), address: "10.0.0.2/24" }] };
    expect(output).toEqual({ cniVersion: version, ...ips });
    expect(exitCode).toBe(0);
  });

  it.each([undefined, "", null])("takes the version %j for 0.1.0", async (cniVersion) => {
    expect((await call({}, { config: { ...config, cniVersion } })).output).toMatchObject({ cniVersion: "0.1.0" });
  });

  it.each(["2.0.0", "1.1", "latest", 7, {}])("refuses the version %j with code 1", async (cniVersion) => {
    const { output } = await call({}, { config: { ...config, cniVersion } });
    expect(output).toMatchObject({ cniVersion: "1.1.0", code: 1 });
  });

  const commands: readonly (readonly [string, CniVersion])[] = [
    ["ADD", "0.1.0"],
    ["DEL", "0.1.0"],
    ["CHECK", "0.4.0"],
    ["GC", "1.1.0"],
    ["STATUS", "1.1.0"],
  ];
  it.each(commands)("knows %s since %s", async (command, since) => {
    for (const cniVersion of cniVersions) {
      const { output, exitCode } = await call({}, { command, config: { ...config, cniVersion, prevResult: {} } });
      if (cniVersion >= since) expect([cniVersion, exitCode]).toEqual([cniVersion, 0]);
      else expect(output).toMatchObject({ cniVersion, code: 1 });
    }
  });

  it("answers VERSION with no other variable, and does not read standard input", async () => {
    const stdin = {
      // oxlint-disable-next-line require-yield -- reading is the fault that this test looks for
      async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
        throw new Error("standard input was read");
      },
    };
    const env = { CNI_COMMAND: "VERSION" };
    const outcome = await handleCniCall(defineCniPlugin(plain), { env, stdin }, { log: collectingLogger() });
    expect(outcome.exitCode).toBe(0);
    expect(JSON.parse(outcome.stdout)).toEqual({ cniVersion: "1.1.0", supportedVersions: cniVersions });
  });

  it("hands prevResult to handlers in the newest form, whatever its version", async () => {
    const prevResult = { cniVersion: "0.2.0", ip4: { ip: "10.0.0.9/24" } };
    const { output } = await call(
      { add: async (request) => request.prevResult ?? {} },
      { config: { ...config, cniVersion: "0.3.1", prevResult } },
    );
    expect(output).toEqual({ cniVersion: "0.3.1", ips: [{ version: "4", address: "10.0.0.9/24" }] });
  });

  it.each(["ADD", "CHECK"])("refuses prevResult of a version that it does not know, for %s", async (command) => {
    const made = { command, config: { ...config, prevResult: { cniVersion: "9.0.0", ips: [] } } };
    const { output } = await call({ check: async () => undefined }, made);
    expect(output).toMatchObject({
      code: 7,
      msg: '[KX_CNI_CONFIG] prevResult cannot be read: a result has the version "9.0.0"',
    });
  });
});

describe("errors", () => {
  it.each([
    ["{", 6],
    ["", 6],
    ["[]", 6],
    ["null", 6],
    [{ cniVersion: "1.0.0", type: "t" }, 7],
    [{ cniVersion: "1.0.0", type: "t", name: "../x" }, 7],
    [{ cniVersion: "1.0.0", name: "n" }, 7],
    [{ ...config, prevResult: { cniVersion: "7.0.0" } }, 7],
    [{ ...config, prevResult: { ips: 5 } }, 7],
  ])("answers %j with code %i", async (given, code) => {
    const { output, exitCode } = await call({}, { config: given });
    expect(output).toMatchObject({ code });
    expect(exitCode).toBe(1);
  });

  it("names every field that is wrong at once, the plug-in's own too", async () => {
    const issues = [{ path: ["mtu"], message: "must be a number" }];
    const schema = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) } } as const;
    const { output } = await call({ config: schema }, { config: { cniVersion: "1.0.0", mtu: "x" } });
    expect(output?.code).toBe(7);
    expect(output?.msg).toMatch(/type is required; name is required; mtu must be a number$/);
  });

  it("does not quote the configuration, which may hold secrets", async () => {
    const { stdout } = await call({}, { config: '{"password": "hunter2", "name": x}' });
    expect(stdout).not.toContain("hunter2");
    expect(stdout).toMatch(/"code":6.*no JSON/);
  });

  it("refuses a configuration that is too large", async () => {
    const large = JSON.stringify({ ...config, more: "x".repeat(2000) });
    const chunks = {
      async *[Symbol.asyncIterator]() {
        for (const part of [large.slice(0, 900), large.slice(900)]) yield new TextEncoder().encode(part);
      },
    };
    for (const stdin of [large, chunks]) {
      const env = { CNI_COMMAND: "STATUS", CNI_PATH: "/x" };
      const services = { log: collectingLogger(), maxInputBytes: 1000 };
      const outcome = await handleCniCall(defineCniPlugin(plain), { env, stdin }, services);
      expect(outcome.stdout).toMatch(/"code":6.*more than 1000 bytes/);
    }
  });

  it("gives an error of the plug-in's own with its code and details", async () => {
    const { output } = await call(failing(ownFailure(142, "no cable", "plug one in")));
    expect(output).toEqual({ cniVersion: "1.1.0", code: 142, msg: "no cable", details: "plug one in" });
    expect(() => ownFailure(99, "no")).toThrow("whole number from 100");
  });

  it.each([
    [new KxError("KX_CNI_NOT_AVAILABLE", "pool empty", { remedy: "grow it" }), 50],
    [new KxError("KX_CNI_TRY_AGAIN", "busy"), 11],
    [new KxError("KX_CNI_UNKNOWN_CONTAINER", "gone"), 3],
    [new KxError("KX_LINUX_SYSCALL", "socket failed"), 999],
    [new KxError("KX_GRPC_UNAVAILABLE", "nobody", { retryable: true }), 11],
  ])("gives the number of %s: %i", async (error, code) => {
    const { output } = await call(failing(error));
    expect(output).toMatchObject({ code, msg: `[${error.code}] ${error.reason}` });
    if (error.remedy !== undefined) expect(output?.details).toBe(error.remedy);
  });

  it.each([[new TypeError("x is not a function")], ["a text"], [undefined], [null], [{ a: 1 }]])(
    "gives 999 with a message and no stack for an unforeseen %s, whose stack is in the log",
    async (thrown) => {
      const { output, stdout, log } = await call(failing(thrown));
      expect(output).toMatchObject({ cniVersion: "1.1.0", code: 999 });
      expect(output?.msg.length).toBeGreaterThan(0);
      expect(stdout).not.toMatch(/at .*\.ts|\\n/);
      expect(log.messages("error")).toEqual(["unforeseen failure"]);
    },
  );

  it("gives 999 if ADD's handler gives no result", async () => {
    const { output } = await call({ add: async () => undefined as never });
    expect(output).toMatchObject({ code: 999, msg: "[KX_CNI_RESULT] a result is no JSON object" });
  });
});

it("takes null for an absent field, as Go does", async () => {
  const nulls = { prevResult: null, ipam: null, dns: null, runtimeConfig: null, capabilities: null, args: null };
  expect((await call({}, { config: { ...config, ...nulls } })).exitCode).toBe(0);
});

it("gives handlers the runtime's fields in one spelling, also where the plug-in's schema lets all through", async () => {
  const seen: unknown[] = [];
  const runtimeConfig = { portMappings: [{ HostPort: 80, ContainerPort: 8080, Protocol: "tcp" }] };
  await call(
    {
      config: miniSchema(z.looseObject({})),
      async add(request) {
        seen.push(request.config.runtimeConfig);
        return address;
      },
    },
    { config: { ...config, runtimeConfig } },
  );
  expect(seen).toEqual([{ portMappings: [{ hostPort: 80, containerPort: 8080, protocol: "tcp" }] }]);
});

describe("namespace", () => {
  it.each(["ADD", "CHECK", "DEL"])("refuses the plug-in's own for %s with code 8", async (command) => {
    const made = { command, env: { CNI_NETNS_OVERRIDE: "" }, config: { ...config, prevResult: {} } };
    expect((await call({}, made)).output).toMatchObject({ code: 8 });
  });

  it.each(["/nowhere/ns", "/etc/passwd", "/tmp", "/proc/self/ns/mnt"])(
    "refuses %s, which is none, but not for DEL",
    async (CNI_NETNS) => {
      const env = { CNI_NETNS_OVERRIDE: "0", CNI_NETNS };
      expect((await call({}, { env })).output).toMatchObject({ code: 8 });
      const seen: unknown[] = [];
      const deleted = await call({ del: async ({ netns }) => void seen.push(netns) }, { env, command: "DEL" });
      expect([deleted.exitCode, deleted.stdout, seen]).toEqual([0, "", [undefined]]);
    },
  );
});

describe("DEL", () => {
  it.each([undefined, { cniVersion: "9.0.0" }, { ips: "no" }])("goes on with prevResult %j", async (prevResult) => {
    const seen: unknown[] = [];
    const handlers = { del: async (request: object) => void seen.push("prevResult" in request) };
    const { exitCode } = await call(handlers, {
      command: "DEL",
      env: { CNI_NETNS: "" },
      config: { ...config, prevResult },
    });
    expect([exitCode, seen]).toEqual([0, [false]]);
  });
});

describe("GC", () => {
  it.each([
    [{}, undefined],
    [{ "cni.dev/valid-attachments": null }, []],
    [{ "cni.dev/valid-attachments": [] }, []],
    [{ "cni.dev/attachments": null }, []],
    [
      { "cni.dev/valid-attachments": [{ containerID: "a", ifname: "b" }], "cni.dev/attachments": [] },
      [{ containerID: "a", ifname: "b" }],
    ],
  ])("takes %j for the valid attachments %j", async (fields, expected) => {
    const seen: GcRequest<unknown>[] = [];
    const { exitCode } = await call(
      { gc: async (request) => void seen.push(request) },
      { command: "GC", config: { ...config, ...fields } },
    );
    expect(exitCode).toBe(0);
    expect(seen[0]?.validAttachments).toEqual(expected);
  });
});

describe("undo", () => {
  it("takes back newest first, each step although another fails, and tells what could not be", async () => {
    const steps: number[] = [];
    const { output } = await call({
      async add(_request, ctx) {
        ctx.undo(() => void steps.push(1));
        ctx.undo(async () => {
          steps.push(2);
          throw new Error("link is busy");
        });
        ctx.undo(async () => void steps.push(3));
        throw ownFailure(101, "no address");
      },
    });
    expect(steps).toEqual([3, 2, 1]);
    expect(output).toEqual({ cniVersion: "1.1.0", code: 101, msg: "no address; taking back failed too: link is busy" });
  });

  it("keeps what a successful call made", async () => {
    const steps: number[] = [];
    await call({
      async add(_request, ctx) {
        ctx.undo(() => void steps.push(1));
        return {};
      },
    });
    expect(steps).toEqual([]);
  });

  it("takes back an ADD that ended well after its caller had gone, and one whose result is none", async () => {
    const steps: string[] = [];
    const controller = new AbortController();
    const { output } = await call(
      {
        async add(_request, ctx) {
          ctx.undo(() => void steps.push("link"));
          controller.abort();
          expect(ctx.signal.aborted).toBe(true);
          return {};
        },
      },
      { services: { signal: controller.signal } },
    );
    expect(output).toMatchObject({ code: 11 });
    await call({
      async add(_request, ctx) {
        ctx.undo(() => void steps.push("lease"));
        return { ips: 7 } as never;
      },
    });
    expect(steps).toEqual(["link", "lease"]);
  });
});

describe("delegation in process", () => {
  const calls: string[] = [];
  const ipam = defineCniPlugin({
    name: "ipam",
    async add(request) {
      calls.push(`ADD ${request.config.cniVersion} ${request.config.ipam?.type} ${request.args["K"]}`);
      return { ips: [{ address: "10.3.0.7/16" }] };
    },
    async del(request) {
      calls.push(`DEL ${request.containerId}`);
    },
    async status() {
      throw new KxError("KX_CNI_NOT_AVAILABLE", "pool empty");
    },
  });
  const made = {
    config: { ...config, cniVersion: "0.2.0", ipam: { type: "ipam" } },
    env: { CNI_ARGS: "K=v" },
    services: { plugins: { ipam } },
  };

  it("passes the whole configuration and gives the newest form, without a process", async () => {
    calls.length = 0;
    const { output, timings } = await call({ add: (_request, ctx) => ctx.delegate("ipam") }, made);
    expect(output).toEqual({ cniVersion: "0.2.0", ip4: { ip: "10.3.0.7/16" } });
    expect(calls).toEqual(["ADD 0.2.0 ipam v"]);
    expect(timings.map(({ phase }) => phase)).toEqual(["delegate ipam", "call"]);
  });

  it("calls DEL of a delegate whose ADD went well when the call fails later, in the order of undo", async () => {
    calls.length = 0;
    await call(
      {
        async add(_request, ctx) {
          ctx.undo(() => void calls.push("undo before"));
          await ctx.delegate("ipam");
          ctx.undo(() => void calls.push("undo after"));
          throw new Error("no link");
        },
      },
      made,
    );
    expect(calls).toEqual(["ADD 0.2.0 ipam v", "undo after", "DEL a1", "undo before"]);
  });

  it("does not call DEL of a delegate that refused: what is there is another's", async () => {
    const refusing = defineCniPlugin({
      name: "ipam",
      add: async () => Promise.reject(ownFailure(120, "has a lease already")),
      del: async () => void calls.push("DEL"),
    });
    calls.length = 0;
    const { output } = await call(
      { add: (_request, ctx) => ctx.delegate("ipam") },
      { ...made, services: { plugins: { ipam: refusing } } },
    );
    expect(output).toMatchObject({ code: 120, msg: "has a lease already" });
    expect(calls).toEqual([]);
  });

  it("gives the delegate's error of STATUS", async () => {
    const { output } = await call(
      { status: async (_request, ctx) => void (await ctx.delegate("ipam")) },
      { ...made, config: { ...config, ipam: { type: "ipam" } }, command: "STATUS" },
    );
    expect(output).toMatchObject({ code: 50 });
  });

  it.each(["ADD", "DEL", "STATUS"])("ends with plug-ins that call each other, for %s", async (command) => {
    const round = async (_request: unknown, ctx: { delegate(type: string): Promise<object> }) => ctx.delegate("round");
    const self = { add: round, del: async () => undefined, status: async () => undefined };
    const pass = async (...args: Parameters<typeof round>) => void (await round(...args));
    const plugins = { round: defineCniPlugin({ name: "round", ...self, del: pass, status: pass }) };
    const { output } = await call(
      { add: round, del: pass, status: pass },
      { ...made, command, config, services: { plugins } },
    );
    expect(output).toMatchObject({ code: 7, msg: expect.stringContaining("call each other without end: ") });
  });

  it.each(["missing", "toString", "../sh", "", "."])("finds no plug-in %j", async (type) => {
    const { output } = await call({ add: (_request, ctx) => ctx.delegate(type) }, made);
    expect(output).toMatchObject({ code: 999, msg: expect.stringContaining("there is no plug-in") });
  });
});

describe("phases and traces", () => {
  it("measures phases, also those that fail, and logs them", async () => {
    const { timings, log } = await call(
      {
        async add(_request, ctx) {
          await ctx.phase("link", () => 1);
          await ctx.phase("address", async () => Promise.reject(new Error("no")));
          return {};
        },
      },
      { env: { TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } },
    );
    expect(timings.map(({ phase }) => phase)).toEqual(["link", "address", "call"]);
    expect(timings.every(({ ms }) => ms >= 0)).toBe(true);
    const line = log.lines.find(({ message }) => message === "call handled");
    expect(line?.fields).toMatchObject({
      type: "plain",
      command: "ADD",
      containerId: "a1",
      ifName: "eth0",
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      exitCode: 1,
    });
  });
});
