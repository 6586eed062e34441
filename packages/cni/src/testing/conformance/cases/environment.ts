import { type CniCommand, type CniVersion, cniErrorCodes, versionResult } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import { failureOf, printedBy, succeeded, wordsOf } from "../answers.ts";
import { fail } from "../failure.ts";
import type { Scope } from "../scope.ts";
import type { ConformanceCase } from "./case.ts";

const { badEnvironment, invalidConfig, decodingFailure, incompatibleVersion } = cniErrorCodes;

/** The versions that the plug-in lists. */
async function versionsOf({ call }: Scope): Promise<readonly string[]> {
  const checked = await versionResult["~standard"].validate(printedBy(await call("VERSION", bare)));
  if (checked.issues !== undefined) fail(`VERSION printed no list of versions: ${checked.issues[0]?.message}`);
  return checked.value.supportedVersions;
}

const bare = { env: { CNI_PATH: undefined }, stdin: "" };

/** Every variable that a command needs is left out; one error must name them all. */
function missing(command: CniCommand, names: readonly string[]): ConformanceCase {
  return {
    id: `P2.${command.toLowerCase()}`,
    title: `${command} names every variable that is missing in one error of code 4`,
    async run({ call }) {
      const answer = await call(command, { env: { CNI_PATH: undefined } });
      const error = failureOf(answer, [badEnvironment], "without its variables");
      const unnamed = names.filter((name) => !wordsOf(error).includes(name));
      if (unnamed.length > 0) fail(`${command} does not tell that ${unnamed.join(" and ")} is missing: ${error.msg}`);
    },
  };
}

async function refusedNames({ call, pod }: Scope, variable: string, names: readonly string[]): Promise<void> {
  const target = await pod();
  for (const name of names) {
    const answer = await call("ADD", { pod: target, env: { [variable]: name } });
    failureOf(answer, [badEnvironment], `with ${variable} ${JSON.stringify(name)}`);
  }
}

function tooOld(command: CniCommand, version: string): ConformanceCase {
  return {
    id: `P5.${command.toLowerCase()}`,
    title: `${command} of version ${version}, which does not have it, fails with code 1`,
    async run({ call, pod }) {
      const target = command === "CHECK" ? { pod: await pod() } : {};
      const answer = await call(command, { ...target, config: { cniVersion: version, prevResult: undefined } });
      failureOf(answer, [incompatibleVersion], `of version ${version}`);
    },
  };
}

/** P1 to P5: what is checked before anything is done. */
export const environmentCases: readonly ConformanceCase[] = [
  {
    id: "P1.version",
    title: "VERSION answers with nothing but CNI_COMMAND, and without input",
    async run(scope) {
      const versions = await versionsOf(scope);
      const odd = versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version));
      if (versions.length === 0) fail("VERSION lists no version");
      if (odd.length > 0) fail(`VERSION lists ${odd.join(", ")}, which is no version`);
    },
  },
  missing("ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
  missing("CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
  missing("DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]),
  missing("GC", ["CNI_PATH"]),
  {
    id: "P2.command",
    title: "a call without CNI_COMMAND fails with code 4",
    async run({ call, pod }) {
      const answer = await call("ADD", { pod: await pod(), env: { CNI_COMMAND: undefined } });
      failureOf(answer, [badEnvironment], "without CNI_COMMAND");
    },
  },
  {
    id: "P3.container-id",
    title: "an id that is none, also one that would lead out of a folder, fails with code 4",
    run: (scope) => refusedNames(scope, "CNI_CONTAINERID", ["-a", ".a", "a/b", "../a", "a b", "a:b"]),
  },
  {
    id: "P3.interface-name",
    title: "an interface's name that the kernel would not take fails with code 4",
    run: (scope) => refusedNames(scope, "CNI_IFNAME", [".", "..", "a/b", "a:b", "a b", "sixteen-bytes-xx"]),
  },
  {
    id: "P3.network-name",
    title: "a network's name that is none fails with code 7",
    async run({ call, pod }) {
      const target = await pod();
      for (const name of ["-a", "a/b", "../a", "a b"]) {
        failureOf(
          await call("ADD", { pod: target, config: { name } }),
          [invalidConfig],
          `of network ${JSON.stringify(name)}`,
        );
      }
    },
  },
  {
    id: "P4.no-name",
    title: "a configuration without a network's name fails with code 7",
    async run({ call, pod }) {
      const target = await pod();
      for (const name of [undefined, ""]) {
        failureOf(await call("ADD", { pod: target, config: { name } }), [invalidConfig], "without a network's name");
      }
    },
  },
  {
    id: "P4.broken-json",
    title: "input that is no JSON fails with code 6",
    async run({ call, pod }) {
      const target = await pod();
      for (const stdin of ["{", "", '{"cniVersion":"1.1.0" "name":"a"}']) {
        failureOf(
          await call("ADD", { pod: target, stdin }),
          [decodingFailure],
          `with the input ${JSON.stringify(stdin)}`,
        );
      }
    },
  },
  {
    id: "P4.unknown-command",
    title: "a command that CNI does not have fails with code 4",
    async run({ call, pod }) {
      const target = await pod();
      for (const command of ["ATTACH", "add"]) {
        const answer = await call("ADD", { pod: target, env: { CNI_COMMAND: command } });
        failureOf(answer, [badEnvironment], `as ${command}`);
      }
    },
  },
  {
    id: "P4.unknown-version",
    title: "a version that VERSION does not list fails with code 1",
    async run({ call, pod }) {
      const target = await pod();
      for (const cniVersion of ["99.0.0", "0.9.9"]) {
        const change = { pod: target, config: { cniVersion, prevResult: undefined } };
        failureOf(await call("ADD", change), [incompatibleVersion], `of version ${cniVersion}`);
      }
    },
  },
  {
    id: "P4.missing-version",
    title: "a configuration without cniVersion is of version 0.1.0",
    async run(scope) {
      const target = await scope.pod();
      const answer = await scope.call("ADD", { pod: target, config: { cniVersion: undefined } });
      if (!(await versionsOf(scope)).includes("0.1.0")) {
        failureOf(answer, [incompatibleVersion], "of version 0.1.0, which the plug-in does not list");
        return;
      }
      const printed = printedBy(answer);
      const { cniVersion = "0.1.0" } = printed;
      if (cniVersion !== "0.1.0" || "ips" in printed) {
        fail(`the result of a configuration without cniVersion is of version ${String(cniVersion)}: ${answer.stdout}`);
      }
      const again = { pod: target, config: { cniVersion: undefined, prevResult: undefined } };
      succeeded(await scope.call("DEL", again), "without cniVersion");
    },
  },
  tooOld("CHECK", "0.3.1"),
  tooOld("GC", "1.0.0"),
  tooOld("STATUS", "1.0.0"),
];

/** Ends a case if the plug-in does not list a version. */
export async function requireListed(scope: Scope, version: CniVersion): Promise<void> {
  const listed = await versionsOf(scope);
  if (!listed.includes(version)) notApplicable(`VERSION lists ${listed.join(", ")}, without ${version}`);
}
