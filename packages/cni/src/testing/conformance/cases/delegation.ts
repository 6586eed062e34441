import { isDeepStrictEqual } from "node:util";
import { type CniCommand, type CniError, type CniVersion, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import { isAtLeast } from "../../../plugin/results.ts";
import { failureOf, succeeded, wordsOf } from "../answers.ts";
import { fail } from "../failure.ts";
import type { Pod } from "../pods.ts";
import { type ProbeCall, probeType, probeWords } from "../probe.ts";
import { requireVersion, type Scope } from "../scope.ts";
import type { ConformanceCase } from "./case.ts";

/** What a probe fails with. */
export const probeError: CniError = { code: 118, msg: "the delegate cannot do it", details: "it was told to fail" };

/** Puts the probe in the place of the delegate, giving what the real one gave. Gives the configuration with it. */
export function useProbe(scope: Scope): JsonObject {
  const { config: base, role } = scope.lab.settings;
  const { ipam } = base;
  if (role !== "interface" || typeof ipam !== "object" || ipam === null || Reflect.get(ipam, "type") === undefined) {
    notApplicable("the configuration leaves nothing to another plug-in");
  }
  const { sample } = scope.lab;
  if (typeof sample === "string") fail(`the first ADD, with the configuration's own delegate, failed: ${sample}`);
  if (!isAtLeast(versionOf(base), "0.3.0")) notApplicable("it is about version 0.3.0 and newer");
  const { interfaces: _, ips, ...rest } = sample;
  const plain = ((ips ?? []) as readonly JsonObject[]).map(({ interface: _index, ...ip }) => ip);
  scope.probe.gives({ ...rest, ips: plain });
  return { ...base, ipam: { type: probeType, given: { deep: [1, "two"] } }, "com.example/kept": [true] };
}

/** Attaches a container with the probe in the place of the delegate. */
export async function addThroughProbe(scope: Scope) {
  const config = useProbe(scope);
  const pod = await scope.pod();
  await scope.add(pod, { config, env: { CNI_ARGS: probeArgs } });
  return { config, pod };
}

const probeArgs = "IgnoreUnknown=1;K8S_POD_NAME=web";

function versionOf(config: JsonObject): CniVersion {
  return cniVersions.find((one) => one === config["cniVersion"]) ?? "0.1.0";
}

function lastCall(scope: Scope, command: CniCommand): ProbeCall {
  const calls = scope.probe.calls();
  const found = calls.findLast((call) => call.command === command);
  return (
    found ?? fail(`the delegate's ${command} was not called, only ${calls.map((call) => call.command).join(", ")}`)
  );
}

/** A command that must come through to the delegate, and its error back. */
function forwarded(
  command: "CHECK" | "DEL" | "GC" | "STATUS",
  least: CniVersion,
  id = `P13.${command.toLowerCase()}`,
): ConformanceCase {
  return {
    id,
    title: `${command} is passed on to the delegate, and its error comes back`,
    async run(scope) {
      requireVersion(scope, least);
      const { config, pod } = await addThroughProbe(scope);
      const call = () => scope.call(command, callOf(command, pod, config));
      succeeded(await call(), "with a delegate");
      lastCall(scope, command);
      scope.probe.failsAt(command, probeError);
      const error = failureOf(await call(), [], "with a delegate that fails");
      if (!wordsOf(error).includes(probeError.msg)) fail(`the delegate's words are not in the error: ${error.msg}`);
    },
  };
}

function callOf(command: CniCommand, pod: Pod, config: JsonObject) {
  if (command === "STATUS") return { config };
  if (command !== "GC") return { pod, config };
  const valid = [{ containerID: pod.containerId, ifname: pod.ifName }];
  return { config: { ...config, "cni.dev/valid-attachments": valid } };
}

/** P13, and what else is about delegates. */
export const delegationCases: readonly ConformanceCase[] = [
  {
    id: "P13.add",
    title: "the delegate gets the whole configuration and the same variables",
    async run(scope) {
      const { config, pod } = await addThroughProbe(scope);
      const { env, stdin } = lastCall(scope, "ADD");
      const got = JSON.parse(stdin) as JsonObject;
      const sent = Object.entries(JSON.parse(JSON.stringify(config)) as JsonObject);
      const lost = sent.filter(([key, value]) => !isDeepStrictEqual(got[key], value)).map(([key]) => key);
      if (lost.length > 0) fail(`the delegate's configuration has not the same ${lost.join(", ")}: ${stdin}`);
      const variables = {
        CNI_CONTAINERID: pod.containerId,
        CNI_IFNAME: pod.ifName,
        CNI_NETNS: pod.netns,
        CNI_ARGS: probeArgs,
        CNI_PATH: scope.lab.settings.path.join(":"),
      };
      const other = Object.entries(variables).filter(([name, value]) => env[name] !== value);
      if (other.length > 0) fail(`the delegate has ${other.map(([name]) => `${name}=${env[name]}`).join(", ")}`);
    },
  },
  {
    id: "P13.stderr",
    title: "what the delegate writes to standard error is passed on",
    async run(scope) {
      const config = useProbe(scope);
      const answer = await scope.call("ADD", { pod: await scope.pod(), config });
      succeeded(answer, "with a delegate");
      if (!answer.stderr.includes(probeWords))
        fail(`standard error does not have it: ${JSON.stringify(answer.stderr)}`);
    },
  },
  {
    id: "P13.error",
    title: "the delegate's error comes back with its code and words",
    async run(scope) {
      const config = useProbe(scope);
      scope.probe.failsAt("ADD", probeError);
      const answer = await scope.call("ADD", { pod: await scope.pod(), config });
      const error = failureOf(answer, [probeError.code], "with a delegate that fails");
      if (!wordsOf(error).includes(probeError.msg)) fail(`the delegate's words are not in the error: ${error.msg}`);
    },
  },
  {
    id: "P13.missing",
    title: "a delegate that is not in CNI_PATH is named in the error",
    async run(scope) {
      const config = useProbe(scope);
      const type = "kx-conformance-missing";
      const answer = await scope.call("ADD", { pod: await scope.pod(), config: { ...config, ipam: { type } } });
      const error = failureOf(answer, [], "with a delegate that is not there");
      if (!wordsOf(error).includes(type)) fail(`the error does not name ${type}: ${error.msg}`);
    },
  },
  forwarded("DEL", "0.3.0"),
  forwarded("CHECK", "0.4.0", "P12.delegate"),
  forwarded("GC", "1.1.0"),
  forwarded("STATUS", "1.1.0"),
];
