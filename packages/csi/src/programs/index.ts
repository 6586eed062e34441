export type { Program } from "./program.ts";
export { runHostpath } from "./run-hostpath.ts";
export { runSidecars } from "./run-sidecars.ts";
