import { perNetns } from "../netlink/per-netns.ts";
import { openRtnl, type Rtnl } from "./rtnl.ts";

/** This thread's socket for links, addresses and routes in the network namespace that it is in; it stays open. */
export const sharedRtnl: () => Rtnl = perNetns(() => openRtnl());
