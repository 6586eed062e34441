/** Every version of the CNI specification, oldest first. */
export const cniVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** A version of the CNI specification. */
export type CniVersion = (typeof cniVersions)[number];

/** The values of CNI_COMMAND. CHECK exists since 0.4.0, GC and STATUS since 1.1.0. */
export const cniCommands = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;

/** What a runtime asks a plug-in to do. */
export type CniCommand = (typeof cniCommands)[number];
