import { Controller, GroupController, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import type { CsiHandlers } from "./csi-handlers.ts";

/** Derived from what is there, so no handler answers it. */
const derived = ["controllerGetCapabilities", "groupControllerGetCapabilities", "nodeGetCapabilities"];

/** The names of all handlers: those of the calls, in camel case. */
export const handlerNames: readonly (keyof CsiHandlers)[] = [Controller, GroupController, SnapshotMetadata, Node]
  .flatMap(({ methods }) => methods.map(({ localName }) => localName))
  // CsiHandlers has one for each call that is left; a test holds that.
  .filter((name): name is keyof CsiHandlers => !derived.includes(name));
