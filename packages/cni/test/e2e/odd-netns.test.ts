// What CNI_NETNS may be beside the plain path of a container's namespace: by the executables and the daemon.
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { netnsContents } from "../../src/testing/netns.ts";
import { type DaemonLab, daemonLab, type LabDaemon } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared, type TestHost } from "../support/host.ts";

let host: TestHost;
let lab: DaemonLab;
let daemon: LabDaemon;
beforeEach(async () => {
  host = await makeHost();
  lab = daemonLab(host.netns);
  daemon = await lab.startDaemon({ deleteAtOnce: true });
});
afterEach(async () => {
  expect(await daemon.stop()).toBe(0);
  lab[Symbol.dispose]();
  await host[Symbol.asyncDispose]();
});

/** A path in the folder of the test that leads elsewhere. */
function linkTo(path: string, name = "link"): string {
  const link = join(lab.folder, name);
  symlinkSync(path, link);
  return link;
}

const types = ["kx-bridge", "kx-ptp", "kx-loopback"] as const;
const nothing = async () => [await shared(host.netns), await elementCount(host.netns), lab.leases(), lab.locks()];

describe.each(types)("%s", (type) => {
  it("takes a link to the container's namespace, and the namespace itself afterwards", async () => {
    const pod = await host.pod();
    const link = linkTo(linkTo(pod.path, "first"), "second");
    const result = await lab.done({ command: "ADD", type, netns: link });
    expect(result.interfaces?.at(-1)?.sandbox).toBe(link);
    const config = { prevResult: { ...result } };
    for (const netns of [link, pod.path, `/proc/self/root${pod.path}`]) {
      await lab.done({ command: "CHECK", type, netns, config });
    }
    await lab.done({ command: "DEL", type, netns: pod.path, config });
    expect(await netnsContents(pod)).toEqual([]);
    await expect.poll(nothing).toEqual([[], 0, [], []]);
  });

  it("refuses what is no network namespace, and deletes it", async () => {
    const file = join(lab.folder, "file");
    writeFileSync(file, "");
    const odd = [
      file,
      lab.folder,
      linkTo(file, "to-file"),
      linkTo("/nowhere/netns", "to-nothing"),
      linkTo(join(lab.folder, "self"), "self"),
      "/nowhere/netns",
      "netns",
      "/proc/self/ns/mnt",
      "/proc/self/ns/user",
    ];
    for (const netns of odd) {
      expect(await lab.failed({ command: "ADD", type, netns }), netns).toMatchObject({ code: 8 });
      await lab.done({ command: "DEL", type, netns });
    }
    await expect.poll(nothing).toEqual([[], 0, [], []]);
  });

  it("refuses the host's own namespace, however it is called", async () => {
    const before = await host.netns.run("ip", "-json", "address");
    for (const netns of [host.netns.path, linkTo(host.netns.path), `/proc/${daemon.pid}/ns/net`, "/proc/self/ns/net"]) {
      expect(await lab.failed({ command: "ADD", type, netns }), netns).toMatchObject({ code: 8 });
    }
    expect(await host.netns.run("ip", "-json", "address")).toBe(before);
    await expect.poll(nothing).toEqual([[], 0, [], []]);
  });
});
