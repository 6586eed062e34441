export { durationSetting } from "./duration-setting.ts";
export { type HostConfiguration, hostConfiguration, readHostConfiguration } from "./host-configuration.ts";
export { type LoadConfigOptions, type LoadedConfig, loadConfig } from "./load.ts";
export { miniSchema } from "./mini-schema.ts";
