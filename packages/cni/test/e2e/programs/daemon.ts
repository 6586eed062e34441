// Runs the daemon in the network namespace it was started in, until SIGTERM. Prints "ready" when it listens.
import { parseArgs } from "node:util";
import { createLogger } from "@kx/core/log";
import { createCniDaemon } from "../../../src/daemon/index.ts";

const { values } = parseArgs({
  options: { socket: { type: "string" }, drain: { type: "string", default: "10000" }, "at-once": { type: "boolean" } },
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const log = createLogger({ name: "daemon", level: process.env["KX_CNI_LOG"] === "debug" ? "debug" : "info" });
const daemon = createCniDaemon({
  log,
  socketPath: values.socket ?? "",
  drainMs: Number(values.drain),
  deleteAtOnce: values["at-once"] ?? false,
});
await daemon.start(stop.signal, () => console.error("ready"));
