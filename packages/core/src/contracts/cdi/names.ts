/** The name of a vendor or of a class of devices: starts with a letter, ends with a letter or digit. */
export const cdiNamePattern: RegExp = /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;

/** The name of a device: like a vendor's, may start with a digit and have colons inside. */
export const cdiDevicePattern: RegExp = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;

/** The published versions of the specification that readers still take, oldest first. A file names the lowest it needs. */
export const cdiVersions = ["0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"] as const;

/** A version of the CDI specification. */
export type CdiVersion = (typeof cdiVersions)[number];
