// The daemon that bench-daemon.ts bundles and starts. From one SIGUSR2 to the next it watches how late its loop's timers are,
// which itself costs time of the processor, and tells it then.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createLogger } from "@kx/core/log";
import { createCniDaemon } from "../src/daemon/index.ts";

const delay = monitorEventLoopDelay({ resolution: 1 });
process.on("SIGUSR2", () => {
  if (delay.enable()) return console.log("{}");
  delay.disable();
  const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => ns / 1e6);
  console.log(JSON.stringify({ p50, p99, max }));
  delay.reset();
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const [socketPath = ""] = process.argv.slice(2);
const daemon = createCniDaemon({ log: createLogger({ name: "daemon", level: "warn" }), socketPath });
await daemon.start(stop.signal, () => console.log("ready"));
