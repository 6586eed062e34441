// The Container Device Interface, specification 1.1.0.
export type { ContainerEdits, DeviceNode, Hook, IntelRdt, Mount, NetDevice } from "./edits.ts";
export { type CdiVersion, cdiDevicePattern, cdiNamePattern, cdiVersions } from "./names.ts";
export { type CdiDevice, type CdiSpec, cdiSpec, qualifiedName } from "./spec.ts";
