import { inNetns } from "@kx/core/linux";
import { expect } from "vitest";
import { type NetHandlers, netHandlers } from "../../src/net/handlers.ts";
import { liveNetns, makeNetns, netnsContents, type TestNetns } from "../../src/testing/netns.ts";

/** A namespace that plays the node, with those that play its pods. */
export interface TestHost extends AsyncDisposable {
  readonly netns: TestNetns;
  pod(): Promise<TestNetns>;
  /** Calls a function of the kernel's network as the node. */
  call<K extends keyof NetHandlers>(name: K, ...args: Parameters<NetHandlers[K]>): ReturnType<NetHandlers[K]>;
}

/** Makes a node. Its disposal removes all, and fails if a namespace is left. */
export async function makeHost(): Promise<TestHost> {
  const before = await liveNetns();
  const netns = await makeNetns("host");
  const pods: TestNetns[] = [];
  return {
    netns,
    async pod() {
      const pod = await makeNetns(`pod${pods.length}`);
      pods.push(pod);
      return pod;
    },
    call: (name, ...args) => inNetns(netns.path, () => Reflect.apply(netHandlers[name], undefined, args)),
    async [Symbol.asyncDispose]() {
      const own = [netns, ...pods].map(({ inode }) => String(inode));
      for (const one of [...pods, netns]) await one.dispose();
      // Others of this machine come and go.
      await expect
        .poll(async () => [...(await liveNetns())].filter((inode) => own.includes(inode) && !before.has(inode)), {
          timeout: 20_000,
        })
        .toEqual([]);
    },
  };
}

/** What a node that has attached pods, and none any more, may keep: what they shared. */
export async function shared(netns: TestNetns): Promise<readonly string[]> {
  return (await netnsContents(netns)).filter((line) => !/^link kx\d+ bridge$|^table (inet|bridge) /.test(line));
}

/** How many elements all sets of a namespace have. */
export async function elementCount(netns: TestNetns): Promise<number> {
  const { nftables } = JSON.parse(await netns.run("nft", "--json", "list", "ruleset")) as {
    nftables: readonly { set?: { elem?: readonly unknown[] }; map?: { elem?: readonly unknown[] } }[];
  };
  return nftables.reduce((sum, { set, map }) => sum + ((set ?? map)?.elem?.length ?? 0), 0);
}
