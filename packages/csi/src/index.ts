// CSI drivers: how to define and run one.

export { csiErrors } from "./errors.ts";
