import { afterEach, beforeEach, expect, it } from "vitest";
import { createFirewall } from "../../src/firewall/plugin.ts";
import { type RunProgram, runProgram } from "../../src/iptables/run-program.ts";
import { createPortmap } from "../../src/portmap/plugin.ts";
import { type ChainedLab, makeChainedLab } from "../support/chained-lab.ts";
import { ask, serve } from "../support/traffic.ts";

let lab: ChainedLab;
beforeEach(async () => {
  lab = await makeChainedLab();
});
afterEach(() => lab[Symbol.asyncDispose]());

/** Runs the older variant of iptables, on a node on which that is the one. */
const run: RunProgram = (program, args, stdin) => {
  const older = program.replace("tables-", "tables-legacy-");
  return runProgram("nsenter", [`--net=${lab.host.netns.path}`, older, ...args], stdin);
};

it("the older variant of iptables does the same", async () => {
  const parts = { net: lab.net, run };
  const [portmap, firewall] = [createPortmap(parts), createFirewall(parts)];
  const ports = { runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } };
  const pod = await lab.attach("a", 2);
  const [mapped, filtered] = [
    { pod, fields: { ...ports, backend: "iptables" } },
    { pod, fields: { backend: "iptables", ingressPolicy: "same-bridge" } },
  ];
  await lab.done(firewall, "ADD", filtered);
  await lab.done(portmap, "ADD", mapped);
  await lab.done(firewall, "CHECK", filtered);
  await lab.done(portmap, "CHECK", mapped);
  await using _ = await serve(pod.netns, { port: 80 });
  expect(await ask(lab.outside, "192.0.2.1", { port: 8080 })).toBe("192.0.2.2");
  expect(await ask(lab.host.netns, "127.0.0.1", { port: 8080 })).toBe("10.1.0.1");
  const saved = async () =>
    (await Promise.all(["iptables-save", "ip6tables-save"].map((name) => run(name, [])))).map((one) => one.stdout);
  expect((await saved()).join("")).toMatch(/ -j DNAT --to-destination 10\.1\.0\.2:80\n[^]*-s fd00::2\/128 -j ACCEPT\n/);
  // Whatever is configured by then.
  await lab.done(portmap, "DEL", { pod, prevResult: null });
  await lab.done(firewall, "DEL", { pod, fields: { backend: "iptables" }, prevResult: null });
  expect((await saved()).join("")).not.toMatch(/DNAT --to|10\.1\.0\.2|fd00::2/);
  expect(await lab.host.netns.run("nft", "list", "ruleset")).not.toContain("CNI-");
});
