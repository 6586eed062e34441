import { expect, it } from "vitest";
import { ownFileSystems } from "./loop-devices.ts";

it("tells which file systems are a node's alone", () => {
  const machine = ["21 1 254:0 / / rw - ext4 /dev/vda rw", "22 21 0:20 / /proc rw - proc proc rw"].join("\n");
  const node = [
    "90 80 0:61 / / rw shared:1 - overlay overlay rw",
    "91 90 0:20 / /proc rw - proc proc rw",
    "92 90 0:62 / /dev rw - tmpfs tmpfs rw",
    "93 92 0:62 /shm /dev/shm rw - tmpfs tmpfs rw",
    "94 90 254:0 /var/tmp/c/n1/kubelet /var/lib/kubelet rw - ext4 /dev/vda rw",
    "",
  ].join("\n");
  expect(ownFileSystems(node, machine)).toEqual(["0:61", "0:62"]);
});
