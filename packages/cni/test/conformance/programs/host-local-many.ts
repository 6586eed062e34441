// Many calls of kx-host-local at once in one process, as the daemon makes them. Standard input is the list of calls.
import { type CniCall, handleCniCall } from "@kx/cni";
import { createHostLocal } from "@kx/cni/host-local";
import { collectingLogger } from "@kx/core/testing";

const plugin = createHostLocal();
const chunks: Uint8Array[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
const calls = JSON.parse(Buffer.concat(chunks).toString("utf8")) as readonly CniCall[];
const outcomes = await Promise.all(calls.map((call) => handleCniCall(plugin, call, { log: collectingLogger() })));
process.stdout.write(JSON.stringify(outcomes.map(({ stdout }) => stdout)));
