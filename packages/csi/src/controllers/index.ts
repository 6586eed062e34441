export { type ConnectedDriver, type ConnectOptions, connectDriver } from "./connect-driver.ts";
export {
  type Calls,
  type DriverCapabilities,
  type DriverClient,
  type InProcessOptions,
  inProcessDriver,
} from "./driver-client.ts";
export { csiControllers, partsNeeded, type SidecarOptions, type SidecarPart } from "./sidecars.ts";
