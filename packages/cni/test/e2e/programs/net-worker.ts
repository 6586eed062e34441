// Attaches and detaches through the worker, in the namespace it was started in, and prints what it saw as JSON.
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { KxError } from "@kx/core";
import { directNet, startNetWorker } from "../../../src/net/net-calls.ts";
import { threadNetns } from "../../../src/testing/netns.ts";

const [netns = "", roundsText = "1"] = process.argv.slice(2);
const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
const request = {
  owner,
  netns,
  bridge: { name: "kx0", gateways: ["10.1.0.1/16"] },
  addresses: [{ address: "10.1.0.2/16", gateway: "10.1.0.1" }],
  routes: [{ dst: "0.0.0.0/0" }],
  masquerade: "sets",
} as const;

const quantile = (list: readonly number[], part: number) =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length * part)];
const figures = (list: readonly number[]) => ({
  min: quantile(list, 0),
  p50: quantile(list, 0.5),
  p90: quantile(list, 0.9),
});

await using net = await startNetWorker();
const [attach, detach]: [number[], number[]] = [[], []];
const namespaces = new Set<string>();
for (let round = 0; round < Number(roundsText); round++) {
  const start = performance.now();
  const attached = net.call("bridgeAttach", request);
  // Work for Node's pool while the other thread changes its namespace.
  await Promise.all([attached, ...Array.from({ length: 16 }, () => stat("/"))]);
  const between = performance.now();
  await net.call("bridgeDetach", { owner, netns, addresses: ["10.1.0.2/16"], masquerade: true });
  attach.push(between - start);
  detach.push(performance.now() - between);
  for (const one of threadNetns()) namespaces.add(one);
}
const refused = await net
  .call("bridgeAttach", { ...request, netns: "/nowhere" })
  .catch((error: unknown) => KxError.from(error));
const direct = await directNet()
  .call("bridgeUnsettled", { owner, netns })
  .catch((error: unknown) => [String(error)]);
console.log(
  JSON.stringify({
    attach: figures(attach),
    detach: figures(detach),
    namespaces: namespaces.size,
    refused: KxError.is(refused) ? refused.code : undefined,
    direct,
    load: readFileSync("/proc/loadavg", "utf8").trim(),
  }),
);
