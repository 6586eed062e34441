// Makes one call to the hostpath driver, in this process over its socket, and is killed on the way.
import { writeSync } from "node:fs";
import { runCsiDriver } from "../../src/driver/run-csi-driver.ts";
import { hostpath } from "../../src/hostpath/hostpath.ts";
import { crashAt } from "./crash-at.ts";
import { csiClients } from "./csi-clients.ts";
import { type HostpathCall, hostpathCalls } from "./hostpath-calls.ts";

const [folder = "", durability, call = "", at] = process.argv.slice(2);
const driver = hostpath({
  nodeId: "node-1",
  stateDir: `${folder}/state`,
  durability: durability === "fsync" ? "fsync" : "rename",
});
const stderr = { write: () => undefined };
await using running = await runCsiDriver(driver, { endpoint: `unix://${folder}/csi.sock`, io: { stderr } });
await running.ready;
const csi = csiClients(`${folder}/csi.sock`);
const write = writeSync;
// Connects, so that no step of that is counted.
await csi.controller.controllerGetCapabilities({});
const calls = crashAt(Number(at));
await hostpathCalls[call as HostpathCall](csi);
write(1, `calls ${calls()}\n`);
process.kill(process.pid, "SIGKILL");
