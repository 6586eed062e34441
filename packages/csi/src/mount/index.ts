// Mounts, devices and file systems, for the node service of a driver.

export {
  type DeviceRequest,
  deviceSize,
  type FileSystemType,
  type FormatRequest,
  formatDevice,
  growFileSystem,
  probeDevice,
} from "./devices.ts";
export { attachLoop, detachLoops, findLoops, type LoopDevice, refreshLoops } from "./loop-devices.ts";
export {
  type BindRequest,
  createMounter,
  type MountDeviceRequest,
  type Mounter,
  type MounterOptions,
  type TargetRequest,
} from "./mounter.ts";
export { type ProgramOptions, type ProgramResult, runProgram } from "./run-program.ts";
export type { Content } from "./superblocks.ts";
