export { dataSourceValidator, extension, VolumePopulator, volumePopulatorCrd } from "./data-source-validator.ts";
