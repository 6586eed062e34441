// Mounts a file system whose server never answers, until a file is gone; then the server is.
import { spawnSync } from "node:child_process";
import { constants, existsSync, openSync, writeFileSync } from "node:fs";

const [target = "", flag = ""] = process.argv.slice(2);
const server = openSync("/dev/fuse", constants.O_RDWR);
const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
const { status, stderr } = spawnSync("mount", ["-i", "-t", "fuse", "-o", options, "kx-hung", target], {
  stdio: ["ignore", "inherit", "pipe", server],
});
if (status !== 0) throw new Error(`mount: ${stderr.toString()}`);
writeFileSync(flag, "");
const timer = setInterval(() => {
  if (!existsSync(flag)) clearInterval(timer);
}, 50);
