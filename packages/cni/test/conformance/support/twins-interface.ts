// Broken twins of a plug-in that makes interfaces and leaves addresses to another: what needs network namespaces.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { PluginAnswer, PluginCall } from "@kx/cni/testing";
import { answers, at, configOf, done, failed, sends, skips, type Twin, without } from "./twins.ts";

function inside({ env }: PluginCall, ...command: readonly string[]): string {
  const { status, stdout } = spawnSync("nsenter", [`--net=${env["CNI_NETNS"]}`, ...command], { encoding: "utf8" });
  return status === 0 ? stdout : "";
}

/** Calls the delegate and fails, without taking back. */
function delegatesAndFails(call: PluginCall): PluginAnswer {
  const { type } = configOf(call)["ipam"] as { readonly type: string };
  const folder = (call.env["CNI_PATH"] ?? "").split(":")[0] ?? "";
  execFileSync(join(folder, type), { env: call.env, input: call.stdin, stdio: ["pipe", "pipe", "ignore"] });
  return failed(999, "and now it fails");
}

const isProbed = (call: PluginCall): boolean => JSON.stringify(configOf(call)["ipam"]).includes("probe");
const succeeded = /succeeded, but must fail/;

export const interfaceTwins: readonly Twin[] = [
  {
    id: "P6.interfaces",
    wrong: "interfaces have no sandbox",
    broken: answers("ADD", (printed) => ({ ...printed, interfaces: [{ name: "eth0" }] })),
    says: /no interface eth0 with the sandbox/,
  },
  {
    id: "P6.interfaces",
    wrong: "addresses name no interface",
    broken: answers("ADD", (printed) => ({ ...printed, ips: [{ address: "10.9.0.9/24" }] })),
    says: /of no interface in the container/,
  },
  {
    id: "P8.existing-interface",
    wrong: "it takes the other one's place",
    broken: at("ADD", (call, next) => {
      inside(call, "ip", "link", "delete", "eth0");
      return next(call);
    }),
    says: succeeded,
  },
  {
    id: "P10.delegate",
    wrong: "DEL without a namespace does nothing",
    broken: at("DEL", (call, next) => (call.env["CNI_NETNS"] === "" ? done : next(call))),
    says: /delegate's DEL was not called/,
  },
  {
    id: "P11.delegate",
    wrong: "a failed ADD takes nothing back",
    broken: at("ADD", (call, next) => (isProbed(call) ? delegatesAndFails(call) : next(call))),
    says: /DEL was not called after ADD/,
  },
  {
    id: "P11.delegate-garbled",
    wrong: "a failed ADD takes nothing back",
    broken: at("ADD", (call, next) => (isProbed(call) ? delegatesAndFails(call) : next(call))),
    says: /DEL was not called after ADD/,
  },
  {
    id: "P11.delegate-fails",
    wrong: "it leaves an interface",
    broken: at("ADD", async (call, next) => {
      const answer = await next(call);
      if (answer.exitCode !== 0) inside(call, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "kx-left");
      return answer;
    }),
    says: /left: link eth0/,
  },
  { id: "P12.interface", wrong: "it always succeeds", broken: skips("CHECK"), says: succeeded },
  { id: "P12.address", wrong: "it always succeeds", broken: skips("CHECK"), says: succeeded },
  { id: "P12.route", wrong: "it always succeeds", broken: skips("CHECK"), says: succeeded },
  {
    id: "P12.extra-route",
    wrong: "it wants the routes that it knows and no others",
    broken: at("CHECK", (call, next) =>
      inside(call, "ip", "route").includes("198.51") ? failed(999, "odd") : next(call),
    ),
    says: /with a route more failed/,
  },
  { id: "P12.delegate", wrong: "it goes no further", broken: skips("CHECK"), says: /delegate's CHECK was not called/ },
  {
    id: "P13.add",
    wrong: "it passes on what it knows",
    broken: sends("ADD", (call) => ({ config: without(configOf(call), "com.example/kept") })),
    says: /has not the same com\.example\/kept/,
  },
  {
    id: "P13.stderr",
    wrong: "it keeps that to itself",
    broken: at("ADD", async (call, next) => ({ ...(await next(call)), stderr: "" })),
    says: /standard error does not have it/,
  },
  {
    id: "P13.error",
    wrong: "it has a code for all",
    broken: answers("ADD", (printed, { exitCode }) => (exitCode === 0 ? printed : { ...printed, code: 999 })),
    says: /code 999, not with code 118/,
  },
  {
    id: "P13.missing",
    wrong: "it does not say which",
    broken: answers("ADD", (printed, { exitCode }) => (exitCode === 0 ? printed : { code: 999, msg: "not found" })),
    says: /does not name/,
  },
  { id: "P13.del", wrong: "it goes no further", broken: skips("DEL"), says: /delegate's DEL was not called/ },
  { id: "P13.gc", wrong: "it goes no further", broken: skips("GC"), says: /delegate's GC was not called/ },
  { id: "P13.status", wrong: "it goes no further", broken: skips("STATUS"), says: /delegate's STATUS was not called/ },
  {
    id: "P14.goes-on",
    wrong: "it stops at the delegate",
    broken: at("GC", () => failed(999, "the delegate failed")),
    says: /left: nft/,
  },
];
