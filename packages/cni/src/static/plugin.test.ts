// The cases of the Go plug-in's own test, in our words.
import { type CniError, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { collectingLogger } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { type IpamCall, ipamCall } from "../../test/support/ipam-call.ts";
import { handleCniCall } from "../plugin/handle-call.ts";
import { createStatic } from "./plugin.ts";

const log = collectingLogger();

async function call(made: Omit<IpamCall, "command"> & Partial<Pick<IpamCall, "command">>) {
  const outcome = await handleCniCall(createStatic(), ipamCall({ command: "ADD", ...made }), { log });
  const output: unknown = outcome.stdout === "" ? undefined : JSON.parse(outcome.stdout);
  return { exitCode: outcome.exitCode, output };
}

const failure = async (made: Parameters<typeof call>[0]) => (await call(made)).output as CniError;

const addresses = [
  { address: "10.10.0.1/24", gateway: "10.10.0.254" },
  { address: "3ffe:ffff:0:01ff::1/64", gateway: "3ffe:ffff:0::1" },
];
const [four, six] = [
  { address: "10.10.0.1/24", gateway: "10.10.0.254" },
  { address: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff::1" },
];
const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "192.168.0.0/16", gw: "10.10.5.1" },
  { dst: "3ffe:ffff:0:01ff::1/64", gw: "3ffe:ffff:0::1" },
];
const dns = { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] };

describe.each(cniVersions)("static in %s", (cniVersion) => {
  const isOld = cniVersion < "0.3.0";
  /** A result of this version with these addresses. */
  const given = (...ips: readonly { readonly address: string; readonly gateway?: string }[]) => {
    if (!isOld) return { ips: ips.map((ip) => expect.objectContaining(ip)) };
    const [ip4, ip6] = ips.map(({ address: ip, gateway }) => (gateway === undefined ? { ip } : { ip, gateway }));
    return { ip4, ...(ip6 && { ip6: expect.objectContaining(ip6) }) };
  };

  it("gives what the configuration says", async () => {
    const { output } = await call({ cniVersion, ipam: { addresses, routes, dns } });
    expect(output).toMatchObject({ ...given(four), ...given(four, six), dns });
    if (!isOld) expect(output).toMatchObject({ routes });
    expect(await call({ cniVersion, command: "DEL", ipam: { addresses } })).toEqual({ exitCode: 0, output: undefined });
  });

  it("gives what CNI_ARGS says, behind the configuration", async () => {
    const args = "IP=10.10.0.1/24;GATEWAY=10.10.0.254";
    expect((await call({ cniVersion, ipam: { routes, dns }, args })).output).toMatchObject({ ...given(four), dns });
    const two = await call({ cniVersion, ipam: {}, args: "IP=10.10.0.1/24, 11.11.0.1/24;GATEWAY=10.10.0.254" });
    if (isOld) expect(two.output).toMatchObject({ code: 7, msg: expect.stringContaining("1 address per family") });
    else expect(two.output).toMatchObject({ ips: [four, { address: "11.11.0.1/24" }] });
    const behind = await call({ cniVersion, ipam: { addresses: addresses.slice(1) }, args });
    expect(behind.exitCode).toBe(0);
  });

  it("takes args.cni before that, and runtimeConfig before all", async () => {
    const ips = (last: number) => [`10.10.0.${last}/24`, `3ffe:ffff:0:01ff::${last}/64`];
    const plain = (last: number) => [{ address: `10.10.0.${last}/24` }, { address: `3ffe:ffff:0:1ff::${last}/64` }];
    const args = "IP=10.10.0.3/24,11.11.0.3/24;GATEWAY=10.10.0.254";
    const fields = { args: { cni: { ips: ips(2) } } };
    const fromArgs = await call({ cniVersion, ipam: { addresses }, args, fields });
    expect(fromArgs.output).toMatchObject(given(...plain(2)));
    expect(JSON.stringify(fromArgs.output)).not.toContain("gateway");
    const fromRuntime = { ...fields, runtimeConfig: { ips: ips(1) } };
    expect((await call({ cniVersion, ipam: {}, args, fields: fromRuntime })).output).toMatchObject(given(...plain(1)));
  });

  it.each<[string, Parameters<typeof call>[0], RegExp]>([
    [
      "the configuration",
      { ipam: { addresses: [{ address: "10.10.0.1" }] } },
      /ipam\.addresses\[0\]\.address "10\.10\.0\.1"/,
    ],
    ["CNI_ARGS", { ipam: {}, args: "IP=10.10.0.1" }, /IP of CNI_ARGS "10\.10\.0\.1"/],
    ["args.cni", { ipam: {}, fields: { args: { cni: { ips: ["10.10.0.1"] } } } }, /args\.cni\.ips "10\.10\.0\.1"/],
    [
      "runtimeConfig",
      { ipam: {}, fields: { runtimeConfig: { ips: ["10.10.0.1"] } } },
      /runtimeConfig\.ips "10\.10\.0\.1"/,
    ],
    ["a gateway", { ipam: { addresses: [{ address: "10.10.0.1/24", gateway: "x" }] } }, /gateway "x" is no IP address/],
    ["GATEWAY", { ipam: {}, args: "GATEWAY=x" }, /GATEWAY of CNI_ARGS "x"/],
    ["IPv4 as IPv6", { ipam: { addresses: [{ address: "::ffff:10.0.0.1/120" }] } }, /write it as 10\.0\.0\.1/],
  ])("refuses an address without its prefix length, or none: %s", async (_where, made, problem) => {
    expect(await failure({ cniVersion, ...made })).toMatchObject({ code: 7, msg: expect.stringMatching(problem) });
  });

  it.each([{}, { runtimeConfig: { ips: ["10.10.0.1/24"] } }])(
    "fails without ipam, with %j too",
    async (fields: JsonObject) => {
      const { env } = ipamCall({ command: "ADD", ipam: {}, args: "IP=10.10.0.1/24" });
      const stdin = JSON.stringify({ cniVersion, name: "net", type: "ipvlan", ...fields });
      const { stdout } = await handleCniCall(createStatic(), { env, stdin }, { log });
      expect(stdout).toMatch(/"code":7.*ipam/);
    },
  );
});

describe("CHECK", () => {
  const check = (ips: readonly JsonObject[]) =>
    call({ command: "CHECK", ipam: { addresses }, fields: { prevResult: { cniVersion: "1.1.0", ips } } });

  it("wants every address with its gateway, in whatever form they are written", async () => {
    const more = { address: "192.0.2.1/24" };
    expect((await check([more, { ...addresses[1] }, { ...four }])).exitCode).toBe(0);
    expect((await check([four])).output).toMatchObject({
      msg: expect.stringContaining("has not 3ffe:ffff:0:1ff::1/64"),
    });
    const moved = { ...four, gateway: "10.10.0.253" };
    expect((await check([moved, six])).output).toMatchObject({ msg: expect.stringContaining("without its gateway") });
  });
});

describe("without an attachment", () => {
  it("STATUS fails on what ADD would, GC has nothing to do", async () => {
    expect((await call({ command: "STATUS", ipam: { addresses } })).exitCode).toBe(0);
    expect(await failure({ command: "STATUS", ipam: { addresses: [{ address: "x" }] } })).toMatchObject({ code: 7 });
    expect((await call({ command: "GC", ipam: {} })).exitCode).toBe(0);
  });
});
