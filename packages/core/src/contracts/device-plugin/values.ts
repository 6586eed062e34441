/** The version that a plug-in registers with. */
export const devicePluginVersion = "v1beta1";

/** The values of a device's `health`. */
export const deviceHealth = { healthy: "Healthy", unhealthy: "Unhealthy" } as const;
