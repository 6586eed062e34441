// One pod informer of kx, the twin of go/informer: node informer-kx.ts <kubeconfig> <namespace> [<requests>]
import { createCache, createClient } from "@kx/controllers";
import { Pod } from "@kx/controllers/api/core-v1";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";

const [kubeconfig = "", namespace = "", requests = "0"] = process.argv.slice(2);
const report = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: console.error, error: console.error, child: () => log };

const startedAt = performance.now();
await using client = createClient(await loadKubeconfig({ path: kubeconfig }));
const cache = createCache({ client, log });
const informer = cache.informer(Pod, { namespace });
const stop = new AbortController();
const running = cache.run(stop.signal);
await informer.untilSynced();
report({ syncMs: performance.now() - startedAt, cpuMs: cpuMs(), objects: informer.list().length });

const count = Math.floor(Number(requests) / 32) * 32;
if (count > 0) {
  const name = informer.list()[0]?.metadata.name ?? "";
  const [cpuBefore, before] = [cpuMs(), performance.now()];
  const worker = async (): Promise<void> => {
    for (let i = 0; i < count / 32; i++) await client.get(Pod, { namespace, name });
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  report({ requests: count, cpuMs: cpuMs() - cpuBefore, ms: performance.now() - before });
}
process.stdin.resume();
process.stdin.once("end", () => stop.abort());
await running;
