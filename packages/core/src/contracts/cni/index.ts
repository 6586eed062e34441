// The Container Network Interface, specification 0.1.0 to 1.1.0.

export type { JsonObject } from "../json.ts";
export type { Dns, FullRoute, Route } from "./addresses.ts";
export {
  type Attachment,
  type ListedPlugin,
  type NetworkConfigList,
  networkConfigList,
  type PluginConfig,
  pluginConfig,
} from "./config.ts";
export { type CniError, cniError, cniErrorCodes } from "./error.ts";
export { cniNamePattern, interfaceNamePattern } from "./names.ts";
export {
  type CniResults,
  cniResults,
  type FamilyConfig,
  type FullInterface,
  type Interface,
  type IpConfig,
  type Result020,
  type Result040,
  type Result100,
  type Result110,
  type VersionResult,
  versionResult,
} from "./result.ts";
export type { Bandwidth, IpRange, PortMapping, RuntimeConfig } from "./runtime-config.ts";
export { type CniCommand, type CniVersion, cniCommands, cniVersions } from "./versions.ts";
