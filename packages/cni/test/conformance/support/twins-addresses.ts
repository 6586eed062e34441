// Broken twins of a plug-in for addresses: a way to fail each case that such a plug-in goes through.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PluginAnswer, PluginCall } from "@kx/cni/testing";
import { cniVersions } from "@kx/core/contracts/cni";
import {
  answers,
  at,
  attachmentOf,
  commandOf,
  configOf,
  done,
  failed,
  sends,
  skips,
  type Twin,
  without,
} from "./twins.ts";

const namesOne: Twin["broken"] = (next) => async (call) => {
  const answer = await next(call);
  if (answer.exitCode === 0) return answer;
  const error = JSON.parse(answer.stdout) as { readonly msg: string };
  return { ...answer, stdout: JSON.stringify({ ...error, details: "", msg: error.msg.split(";")[0] }) };
};

const corrects = (variable: string, isRight: RegExp): Twin["broken"] =>
  sends("ADD", ({ env }) => ({ env: isRight.test(env[variable] ?? "") ? env : { ...env, [variable]: "a" } }));

const defaults = (fields: Readonly<Record<string, string>>, isRight: (value: unknown) => boolean): Twin["broken"] =>
  sends("ADD", (call) => {
    const config = configOf(call);
    const wrong = Object.entries(fields).filter(([key]) => !isRight(config[key]));
    return { config: { ...config, ...Object.fromEntries(wrong) } };
  });

const raises = (command: string, to: string): Twin["broken"] =>
  sends(command, (call) => ({ config: { ...configOf(call), cniVersion: to } }));

const failsAtUnknown: Twin["broken"] = (next) => {
  const known = new Set<string>();
  return async (call) => {
    const one = attachmentOf(call);
    if (commandOf(call) === "DEL" && !known.delete(one)) return failed(3, "no such container");
    if (commandOf(call) === "ADD") known.add(one);
    return await next(call);
  };
};

const valid = "cni.dev/valid-attachments";

/** Twins of a plug-in that keeps leases in a folder. */
export const addressTwins = (dataDir: string): readonly Twin[] => [
  {
    id: "P1.version",
    wrong: "VERSION wants a configuration",
    broken: at("VERSION", (call, next) => (call.stdin === "" ? failed(6, "no configuration") : next(call))),
    says: /VERSION failed.*code 6/,
  },
  {
    id: "P1.version",
    wrong: "VERSION lists nothing",
    broken: answers("VERSION", (printed) => ({ ...printed, supportedVersions: [] })),
    says: /lists no version/,
  },
  { id: "P2.add", wrong: "one is named", broken: namesOne, says: /CNI_NETNS and CNI_IFNAME is missing/ },
  { id: "P2.check", wrong: "one is named", broken: namesOne, says: /CNI_NETNS and CNI_IFNAME is missing/ },
  { id: "P2.del", wrong: "one is named", broken: namesOne, says: /CNI_IFNAME is missing/ },
  {
    id: "P2.gc",
    wrong: "a path is made up",
    broken: sends("GC", ({ env }) => ({ env: { CNI_PATH: "/opt/cni/bin", ...env } })),
    says: /GC without its variables succeeded/,
  },
  {
    id: "P2.command",
    wrong: "ADD is the default",
    broken: (next) => (call) => next({ ...call, env: { CNI_COMMAND: "ADD", ...call.env } }),
    says: /without CNI_COMMAND succeeded/,
  },
  {
    id: "P3.container-id",
    wrong: "a wrong id is another",
    broken: corrects("CNI_CONTAINERID", /^[\w][\w.-]*$/),
    says: /CNI_CONTAINERID "-a" succeeded/,
  },
  {
    id: "P3.interface-name",
    wrong: "a wrong name is another",
    broken: corrects("CNI_IFNAME", /^[\w-]{1,15}$/),
    says: /CNI_IFNAME "\." succeeded/,
  },
  {
    id: "P3.network-name",
    wrong: "a wrong name is another",
    broken: defaults({ name: "a" }, (value) => /^\w[\w.-]*$/.test(String(value))),
    says: /of network "-a" succeeded/,
  },
  {
    id: "P4.no-name",
    wrong: "there is a default",
    broken: defaults({ name: "a" }, (value) => value !== undefined && value !== ""),
    says: /without a network's name succeeded/,
  },
  {
    id: "P4.broken-json",
    wrong: "it has the code of a wrong configuration",
    broken: answers("ADD", (printed) => ({ ...printed, code: 7 })),
    says: /code 7, not with code 6/,
  },
  {
    id: "P4.unknown-command",
    wrong: "others are ADD",
    broken: (next) => (call) => next({ ...call, env: { ...call.env, CNI_COMMAND: "ADD" } }),
    says: /as ATTACH succeeded/,
  },
  {
    id: "P4.unknown-version",
    wrong: "others are the newest",
    broken: defaults({ cniVersion: "1.1.0" }, (value) => cniVersions.some((version) => version === value)),
    says: /of version 99\.0\.0 succeeded/,
  },
  {
    id: "P4.missing-version",
    wrong: "none is the newest",
    broken: defaults({ cniVersion: "1.1.0" }, (value) => value !== undefined),
    says: /without cniVersion is of version 1\.1\.0/,
  },
  {
    id: "P5.check",
    wrong: "versions are not looked at",
    broken: raises("CHECK", "1.1.0"),
    says: /code 7, not with code 1/,
  },
  { id: "P5.gc", wrong: "versions are not looked at", broken: raises("GC", "1.1.0"), says: /succeeded/ },
  { id: "P5.status", wrong: "versions are not looked at", broken: raises("STATUS", "1.1.0"), says: /succeeded/ },
  ...cniVersions.map((version): Twin => {
    const other = version === "1.1.0" ? "1.0.0" : "1.1.0";
    const says = /it is no result of|a result of|the result's cniVersion is/;
    return { id: `P6.${version}`, wrong: `the result is of ${other}`, broken: raises("ADD", other), says };
  }),
  ...(["0.3.1", "0.4.0"] as const).map((version): Twin => {
    const edit = (ips: unknown) =>
      (ips as readonly Readonly<Record<string, unknown>>[]).map((ip) => without(ip, "version"));
    const broken = answers("ADD", (printed) => ({ ...printed, ips: edit(printed["ips"]) }));
    return { id: `P6.${version}`, wrong: "addresses have no version", broken, says: /it is no result/ };
  }),
  {
    id: "P6.addresses-alone",
    wrong: "there is an interface",
    broken: answers("ADD", (printed) => ({ ...printed, interfaces: [{ name: "eth0" }] })),
    says: /has interfaces/,
  },
  {
    id: "P9.second-add",
    wrong: "it takes the place of the first",
    broken: at("ADD", async (call, next) => {
      await next({ ...call, env: { ...call.env, CNI_COMMAND: "DEL" } });
      return await next(call);
    }),
    says: /of what was added before succeeded/,
  },
  {
    id: "P9.second-interface",
    wrong: "DEL is of the whole container",
    broken: at("DEL", async (call, next) => {
      await next({ ...call, env: { ...call.env, CNI_IFNAME: "eth0" } });
      return await next(call);
    }),
    says: /after DEL of the second interface, something is not as it was before/,
  },
  { id: "P10.releases", wrong: "DEL does nothing", broken: skips("DEL"), says: /after DEL.*\nleft: file/ },
  { id: "P10.twice", wrong: "it wants to know the container", broken: failsAtUnknown, says: /deleted before failed/ },
  {
    id: "P10.never-added",
    wrong: "it wants to know the container",
    broken: failsAtUnknown,
    says: /never added failed/,
  },
  {
    id: "P10.empty-netns",
    wrong: "DEL then does nothing",
    broken: at("DEL", (call, next) => (call.env["CNI_NETNS"] === "" ? done : next(call))),
    says: /left: file/,
  },
  {
    id: "P10.vanished-netns",
    wrong: "DEL wants the namespace",
    broken: at("DEL", (call, next) => (existsSync(call.env["CNI_NETNS"] ?? "") ? next(call) : failed(8, "no netns"))),
    says: /of a namespace that is gone failed/,
  },
  {
    id: "P10.without-result",
    wrong: "DEL wants the result",
    broken: at("DEL", (call, next) => ("prevResult" in configOf(call) ? next(call) : failed(7, "no prevResult"))),
    says: /without prevResult failed/,
  },
  {
    id: "P11.full",
    wrong: "a failed ADD leaves a file",
    broken: at("ADD", async (call, next) => {
      const answer = await next(call);
      if (answer.exitCode !== 0) writeFileSync(join(dataDir, "left"), attachmentOf(call));
      return answer;
    }),
    says: /left: file .*left/,
  },
  { id: "P12.intact", wrong: "it always fails", broken: at("CHECK", () => failed(999, "no")), says: /CHECK.*failed/ },
  {
    id: "P12.without-result",
    wrong: "it always succeeds",
    broken: skips("CHECK"),
    says: /without prevResult succeeded/,
  },
  { id: "P12.never-added", wrong: "it always succeeds", broken: skips("CHECK"), says: /never added succeeded/ },
  { id: "P12.damage.lease-gone", wrong: "it always succeeds", broken: skips("CHECK"), says: /lease gone.*succeeded/ },
  { id: "P14.unlisted", wrong: "GC does nothing", broken: skips("GC"), says: /left: file/ },
  {
    id: "P14.unlisted",
    wrong: "GC removes all",
    broken: sends("GC", (call) => ({ config: { ...configOf(call), [valid]: [] } })),
    says: /lost: file/,
  },
  { id: "P14.empty", wrong: "GC does nothing", broken: skips("GC"), says: /left: file/ },
  {
    id: "P14.null",
    wrong: "null is taken for no list",
    broken: sends("GC", (call) => ({ config: without(configOf(call), valid) })),
    says: /left: file/,
  },
  {
    id: "P14.without-list",
    wrong: "no list is taken for an empty one",
    broken: sends("GC", (call) => ({ config: { [valid]: [], ...configOf(call) } })),
    says: /lost: file/,
  },
  {
    id: "P14.other-network",
    wrong: "GC is of all networks",
    broken: at("GC", async (call, next) => {
      await next(call);
      const config = configOf(call);
      const others = { ...config, name: String(config["name"]).replace("-other", "") };
      return await next({ ...call, stdin: JSON.stringify(others) });
    }),
    says: /of another network took away/,
  },
  { id: "P15.ready", wrong: "it always fails", broken: at("STATUS", () => failed(50, "no")), says: /STATUS.*failed/ },
  { id: "P15.full", wrong: "it always succeeds", broken: skips("STATUS"), says: /with nothing free succeeded/ },
  { id: "P15.unavailable", wrong: "it always succeeds", broken: skips("STATUS"), says: /cannot work succeeded/ },
  {
    id: "P15.add-alone",
    wrong: "ADD wants a STATUS",
    broken: (next) => {
      let wasAsked = false;
      return async (call) => {
        wasAsked ||= commandOf(call) === "STATUS";
        return commandOf(call) === "ADD" && !wasAsked ? failed(11, "ask for the status") : await next(call);
      };
    },
    says: /ADD failed/,
  },
  {
    id: "P16.many",
    wrong: "what is added at once has the same address",
    broken: (next) => {
      let running = 0;
      return async (call) => {
        running++;
        const isAlone = running < 3;
        const answer = await next(call);
        running--;
        if (commandOf(call) !== "ADD" || isAlone || answer.exitCode !== 0) return answer;
        return {
          ...answer,
          stdout: JSON.stringify({ ...JSON.parse(answer.stdout), ips: [{ address: "10.9.0.9/24" }] }),
        };
      };
    },
    says: /have the same address/,
  },
  {
    id: "P16.one-container",
    wrong: "all get what the first gets",
    broken: (next) => {
      const running = new Map<string, Promise<PluginAnswer>>();
      return (call: PluginCall) => {
        if (commandOf(call) !== "ADD") return next(call);
        const answer = running.get(attachmentOf(call)) ?? next(call);
        running.set(attachmentOf(call), answer);
        return answer;
      };
    },
    says: /5 of 5 ADDs at once succeeded/,
  },
  {
    id: "P17.unknown-fields",
    wrong: "it knows all fields",
    broken: at("ADD", (call, next) => ("unknown" in configOf(call) ? failed(7, "unknown field") : next(call))),
    says: /unknown field/,
  },
  {
    id: "P18.own-namespace",
    wrong: "it takes any",
    broken: (next) => (call) => next({ ...call, env: { ...call.env, CNI_NETNS_OVERRIDE: "1" } }),
    says: /own namespace succeeded/,
  },
  {
    id: "P18.override",
    wrong: "it never takes its own",
    broken: (next) => (call) => next({ ...call, env: { ...call.env, CNI_NETNS_OVERRIDE: "0" } }),
    says: /CNI_NETNS_OVERRIDE=1 failed/,
  },
];

const drops = (...places: readonly ("runtimeConfig" | "args" | "CNI_ARGS")[]): Twin["broken"] =>
  sends("ADD", (call) => {
    const env = places.includes("CNI_ARGS") ? { ...call.env, CNI_ARGS: "" } : call.env;
    return { env, config: without(configOf(call), ...places) };
  });

const asked = /was asked for by .*, and ADD gave/;

/** Twins of a plug-in that gives the addresses that are asked for. */
export const requestTwins: readonly Twin[] = [
  { id: "P19.ips.runtimeConfig", wrong: "it does not look there", broken: drops("runtimeConfig"), says: asked },
  { id: "P19.ips.args.cni", wrong: "it does not look there", broken: drops("args"), says: asked },
  { id: "P19.ips.CNI_ARGS", wrong: "it does not look there", broken: drops("CNI_ARGS"), says: asked },
  {
    id: "P19.ips.precedence",
    wrong: "args.cni counts most",
    broken: (next) => (call) => ("args" in configOf(call) ? drops("runtimeConfig")(next)(call) : next(call)),
    says: asked,
  },
];
