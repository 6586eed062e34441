/** How a driver's snapshot-metadata service is served. */
export interface SnapshotMetadataOptions {
  /** The certificate that callers are shown, with those between it and its authority, PEM. Read again when it changes. */
  readonly certFile: string;
  /** The certificate's key, PEM. */
  readonly keyFile: string;
  /** TCP port; 0 takes any free one. Default: 50051. */
  readonly port?: number;
  /** The address that it listens at. Default: every one of the machine. */
  readonly host?: string;
  /**
   * What tokens of callers must be for. Default: what the SnapshotMetadataService says; the driver's name where `caFile` or
   * `ca` is given.
   */
  readonly audience?: string;
  /**
   * Those who sign the certificate, PEM. With it this part makes the driver's SnapshotMetadataService, its CRD where there is
   * none, and changes it with the file. Default: others make it.
   */
  readonly caFile?: string;
  /**
   * The same as text. With it the manifests have the SnapshotMetadataService, and this part leaves it alone. Default: they have it
   * not.
   */
  readonly ca?: string;
  /** Host and port for the SnapshotMetadataService. Default: those of the Service that the manifests have. */
  readonly address?: string;
  /** Labels of the pods that this part runs in, for that Service. Default: `app.kubernetes.io/name` is the Service's name. */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** How long a call may take, in milliseconds. Default: 10 minutes. */
  readonly maxStreamMs?: number;
  /** How often the files are looked at, in milliseconds. Default: 5,000. */
  readonly reloadMs?: number;
}

/** The port that upstream's sidecar has. */
export const defaultPort = 50_051;
