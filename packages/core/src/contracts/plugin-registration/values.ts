/** The values of a plug-in's `type`. */
export const pluginTypes = { csi: "CSIPlugin", device: "DevicePlugin", dra: "DRAPlugin" } as const;
