export type { AttacherOptions } from "./attacher/index.ts";
export type { CapacityOptions } from "./capacity/index.ts";
export { type ConnectedDriver, type ConnectOptions, connectDriver } from "./connect-driver.ts";
export {
  type Calls,
  type DriverCapabilities,
  type DriverClient,
  type InProcessOptions,
  inProcessDriver,
} from "./driver-client.ts";
export type { HealthMonitorOptions } from "./health-monitor/index.ts";
export type { OwnNode, ProvisionerOptions } from "./provisioner/provisioner-env.ts";
export type { Segments } from "./provisioner/topology.ts";
export type { ResizerOptions } from "./resizer/index.ts";
export { csiControllers, partsNeeded, type SidecarOptions, type SidecarPart } from "./sidecars.ts";
export type { SnapshotterOptions } from "./snapshotter/snapshotter.ts";
