/** What the storage suite of Kubernetes may ask of a driver, as the suite names it. */
export const testCapabilities = [
  "persistence",
  "block",
  "fsGroup",
  "volumeMountGroup",
  "exec",
  "snapshotDataSource",
  "snapshotMetadata",
  "groupSnapshot",
  "pvcDataSource",
  "multipods",
  "RWX",
  "capReadOnlyMany",
  "readWriteOncePod",
  "multiplePVsSameID",
  "controllerExpansion",
  "nodeExpansion",
  "offlineExpansion",
  "onlineExpansion",
  "volumeLimits",
  "singleNodeVolume",
  "topology",
  "capacity",
  "FSResizeFromSourceNotSupported",
  "seLinuxMount",
] as const;

/** One of these. */
export type TestCapability = (typeof testCapabilities)[number];

/** Where the suite takes a class from: one that it makes by the driver's name alone, or one that the cluster has. */
export type TestClass = { readonly FromName: true } | { readonly FromExistingClassName: string };

/** The file by which the storage suite of Kubernetes' e2e tests knows a driver (`e2e.test -storage.testdriver=FILE`). */
export interface TestDriverFile {
  readonly StorageClass?: TestClass;
  readonly SnapshotClass?: TestClass;
  readonly GroupSnapshotClass?: TestClass;
  readonly VolumeAttributesClass?: { readonly FromExistingClassName: string };
  readonly DriverInfo: {
    readonly Name: string;
    readonly SupportedSizeRange: { readonly Min: string; readonly Max?: string };
    /** Keyed by file system; the empty one is the driver's default. */
    readonly SupportedFsType: Readonly<Record<string, Record<string, never>>>;
    readonly TopologyKeys?: readonly string[];
    readonly Capabilities: Readonly<Record<TestCapability, boolean>>;
  };
  readonly InlineVolumes?: readonly { readonly Attributes: Readonly<Record<string, string>> }[];
}
