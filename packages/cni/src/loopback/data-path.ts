import { setLink } from "../rtnl/link-codec.ts";
import { openRtnl } from "../rtnl/rtnl.ts";

const name = "lo";

/** Sets the loopback of a network namespace up. Gives its addresses, which the kernel gave it. */
export function loopbackUp(netns: string): readonly string[] {
  using pod = openRtnl(netns);
  const { index } = pod.link(name);
  pod.request(setLink(index, { up: true }, `set up ${name} in ${netns}`));
  return pod.addresses({ index }).map(({ address }) => address);
}

/** Sets the loopback of a network namespace down. */
export function loopbackDown(netns: string): void {
  using pod = openRtnl(netns);
  pod.request(setLink(pod.link(name).index, { up: false }, `set down ${name} in ${netns}`));
}

/** What is not as it should be: it is to be up, and to have these addresses. */
export function loopbackCheck(netns: string, expected: readonly string[]): readonly string[] {
  using pod = openRtnl(netns);
  const { index, isUp } = pod.link(name);
  const there = pod.addresses({ index }).map(({ address }) => address);
  const lost = expected.filter((address) => !there.includes(address));
  return [...(isUp ? [] : [`${name} is down`]), ...lost.map((address) => `${name} has lost ${address}`)];
}
