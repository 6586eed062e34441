export type { AccessRule } from "./access.ts";
export { createRegistry, type Registry } from "./registry.ts";
