// Objects that the manifests of several extensions have alike.
export { type OwnNodePolicy, type OwnNodeRule, ownNodePolicy } from "./own-node-policy.ts";
