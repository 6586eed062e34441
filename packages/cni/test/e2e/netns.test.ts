import { statSync } from "node:fs";
import { inNetns } from "@kx/core/linux";
import { expect, it } from "vitest";
import { liveNetns, makeNetns, netnsContents, threadNetns } from "../../src/testing/netns.ts";

it("makes, shows and removes a network namespace", async () => {
  const netns = await makeNetns();
  expect(await liveNetns()).toContain(String(netns.inode));
  expect([await netns.links(), await netnsContents(netns)]).toEqual([[], []]);
  await netns.run("ip", "link", "add", "br0", "type", "bridge");
  await netns.run("ip", "address", "add", "10.1.0.1/24", "dev", "br0");
  await netns.run("ip", "link", "set", "br0", "up");
  await netns.run("ip", "route", "add", "10.2.0.0/24", "via", "10.1.0.9");
  await netns.run("nft", "add", "table", "inet", "planted");
  expect(await netnsContents(netns)).toEqual(["link br0 bridge", "table inet planted"]);
  expect(await netns.addresses("br0")).toEqual(["10.1.0.1/24"]);
  expect(await netns.routes()).toEqual([expect.stringMatching(/^10.2.0.0\/24 via 10.1.0.9 dev br0/)]);
  await expect(netns.run("ip", "link", "show", "nothing")).rejects.toThrow(
    /KX_CNI_TESTING.*"?nothing"? does not exist/,
  );
  await netns.dispose();
  await netns.dispose();
  expect(await liveNetns()).not.toContain(String(netns.inode));
  expect(() => statSync(netns.path)).toThrow("ENOENT");
});

it("sees a thread that is elsewhere", async () => {
  await using netns = await makeNetns();
  expect(threadNetns().size).toBe(1);
  expect(inNetns(netns.path, () => threadNetns().size)).toBe(2);
  expect(threadNetns().size).toBe(1);
});
