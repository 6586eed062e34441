// The daemon that bench-daemon.ts bundles and starts. On SIGUSR2 it tells how late its loop's timers were since last time.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createLogger } from "@kx/core/log";
import { createCniDaemon } from "../src/daemon/index.ts";

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on("SIGUSR2", () => {
  const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => ns / 1e6);
  console.log(JSON.stringify({ p50, p99, max }));
  delay.reset();
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const [socketPath = ""] = process.argv.slice(2);
const daemon = createCniDaemon({ log: createLogger({ name: "daemon", level: "warn" }), socketPath });
await daemon.start(stop.signal, () => console.log("ready"));
