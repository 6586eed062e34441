// Changes a state step by step, saying after each that it was awaited, and is killed on the way.
import { writeSync } from "node:fs";
import type { Logger } from "@kx/core";
import type { StoredObject } from "../../src/driver/volume-state.ts";
import { fileState } from "../../src/state/file-state.ts";
import { crashAt } from "./crash-at.ts";

const [folder = "", durability, at] = process.argv.slice(2);
const nothing = () => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
const volume = (id: string, name: string): StoredObject => ({
  kind: "volume",
  id,
  name,
  data: { text: name.repeat(500) },
});
// The binding of system calls is loaded by reading files, which is no step of ours.
await fileState(`${folder}-other`, { durability: "rename" }).open?.(silent);

const calls = crashAt(Number(at));
const state = fileState(folder, { durability: durability === "fsync" ? "fsync" : "rename" });
const steps = [
  () => state.open?.(silent),
  () => state.put(volume("v1", "one")),
  () => state.put(volume("v2", "two")),
  () => state.put(volume("v1", "changed")),
  () => state.delete("volume", "v2"),
  () => state.put({ ...volume("v2", "snapshot"), kind: "snapshot" }),
];
const write = writeSync;
for (const [index, step] of steps.entries()) {
  await step();
  write(1, `${index}\n`);
}
write(1, `calls ${calls()}\n`);
process.kill(process.pid, "SIGKILL");
