import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { countsAsOurs, parseOwnCgroups } from "./cgroups.ts";
import { mountedNetworks, mountFacts, parseMountInfo } from "./mounts.ts";
import { linkFacts, nftFacts, routeFacts } from "./network.ts";
import { parseTcp, parseUnix, readOwnSockets } from "./sockets.ts";

it("reads mounts, with escapes and stacked ones, and tells network namespaces apart", () => {
  const mounts = parseMountInfo(
    [
      "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw",
      "23 22 0:5 /sub /mnt/a\\040b rw shared:2 master:3 - tmpfs tmp rw",
      "24 23 0:6 / /mnt/a\\040b rw - tmpfs other rw",
      "25 22 0:4 net:[4026532000] /run/n rw - nsfs nsfs rw",
      "",
    ].join("\n"),
  );
  expect([...mountFacts(mounts)]).toEqual([
    ["/", "ext4 /dev/vda"],
    ["/mnt/a b", "tmpfs tmp /sub"],
    ["/mnt/a b (2)", "tmpfs other"],
  ]);
  expect([...mountedNetworks(mounts)]).toEqual([["net:[4026532000]", "mounted at /run/n"]]);
});

it("reads links and routes without what changes by itself", () => {
  expect([...linkFacts([{ ifname: "a", ifindex: 2, operstate: "UP", master: "br0" }])]).toEqual([
    ["a", "index 2 master br0"],
  ]);
  const route = { dst: "default", gateway: "10.0.0.1", dev: "a", flags: [], metric: 3 };
  expect([...routeFacts("ipv4 route", [{ ...route, expires: 9 }, route]).keys()]).toEqual([
    "ipv4 route dst default gateway 10.0.0.1 dev a",
    "ipv4 route dst default gateway 10.0.0.1 dev a (2)",
  ]);
});

it("reads rules of nft without handles and counts", () => {
  const rule = (packets: number) => ({
    nftables: [
      { metainfo: { version: "1" } },
      { rule: { table: "t", handle: packets, expr: [{ counter: { packets, bytes: 1 } }, { accept: null }] } },
    ],
  });
  expect(nftFacts(rule(1))).toEqual(nftFacts(rule(2)));
  expect([...nftFacts(rule(1)).keys()]).toEqual(['rule {"table":"t","expr":[{"counter":{}},{"accept":null}]}']);
});

it("counts cgroups by name and by place", () => {
  const own = parseOwnCgroups("3:cpu,cpuacct:/\n2:memory:/a/b\n0::/user.slice/x.scope\n");
  expect(own).toEqual(["/a/b", "/user.slice/x.scope"]);
  const counts = (path: string) => countsAsOurs(path, own);
  expect(["/kx1-n1", "/x/kx1-n1/init", "/kubepods/pod1", "/a/b/c"].map(counts)).toEqual([true, true, true, true]);
  expect(["/a/b", "/a/bc", "/system.slice/ssh.service", "/mykx1"].map(counts)).toEqual([false, false, false, false]);
});

it("reads listening sockets", () => {
  const tcp = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0",
    "   1: 0100007F:1F91 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 112 1 0",
    "   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 113 1 0",
  ].join("\n");
  expect(parseTcp(tcp)).toEqual([
    { address: "tcp 127.0.0.1:8080", inode: "111" },
    { address: "tcp [0:0:0:0:0:0:0:1]:80", inode: "113" },
  ]);
  const unix = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "ffff8880: 00000002 00000000 00010000 0001 01 21 /run/a b.sock",
    "ffff8881: 00000003 00000000 00000000 0001 03 22 /run/c.sock",
    "ffff8882: 00000002 00000000 00010000 0001 01 23",
  ].join("\n");
  expect(parseUnix(unix)).toEqual([{ address: "unix /run/a b.sock", inode: "21" }]);
});

it("sees a socket of this process and that it is gone", async () => {
  const before = readOwnSockets();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const name = `tcp 127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  expect(readOwnSockets().has(name)).toBe(true);
  server.close();
  await once(server, "close");
  expect(readOwnSockets()).toEqual(before);
});
