// The part of the shared disks' driver that is on each node, where it is one file.
import { runCsiDriver } from "@kx/csi";
import { diskDriverName, sharedDisk } from "../../support/shared-disk.ts";

const [nodeId = "", disks = ""] = process.argv.slice(2);
const kubeletDir = "/var/lib/kubelet";
await runCsiDriver(sharedDisk({ disks, nodeId }), {
  endpoint: `unix://${kubeletDir}/plugins/${diskDriverName}/csi.sock`,
  mode: "node",
  embed: ["registrar"],
  nodeName: nodeId,
  kubeletDir,
});
