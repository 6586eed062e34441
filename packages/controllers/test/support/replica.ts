// A replica that, while it leads, writes its name into a config map as fast as it can, without asking who wrote before.
//   node replica.ts <kubeconfig> <namespace> <identity>
import { defineController, electLeader, requeueAfter } from "@kx/controllers";
import { ConfigMap } from "@kx/controllers/api/core-v1";
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";

const [kubeconfig = "", namespace = "", identity = ""] = process.argv.slice(2);
const say = (level: string) => (fields: object, message: string) => {
  process.stdout.write(`${JSON.stringify({ level, message, ...fields })}\n`);
};
const log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error"), child: () => log };

let acts = 0;
const counter = defineController({
  name: "counter",
  for: ConfigMap,
  select: { namespace, fieldSelector: "metadata.name=counter" },
  async reconcile({ ref, object }, { client, signal }) {
    if (object === undefined) return requeueAfter(100);
    acts += 1;
    await client.patch(ConfigMap, ref, { data: { holder: identity, acts: String(acts) } }, { type: "merge", signal });
    return requeueAfter(20);
  },
});

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const election = { leaseName: "counter", namespace, identity };
const times = { leaseDurationMs: 4000, renewDeadlineMs: 2500, retryPeriodMs: 500 };
const extensions = electLeader([counter], { ...election, ...times });
const host = await runHost({
  role: "controller",
  extensions,
  log,
  clock: systemClock,
  kubeconfig,
  signal: stop.signal,
});
await host.done;
