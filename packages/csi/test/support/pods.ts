import { driverName } from "./csi-cluster.ts";

/** What is special about a pod of a test. */
export interface PodOptions {
  /** Claims by the names of their volumes, mounted at `/<name>`. */
  readonly claims?: Readonly<Record<string, string>>;
  /** A claim as a device: `/dev/<name>`. */
  readonly devices?: Readonly<Record<string, string>>;
  /** Inline volumes by name, with their attributes, mounted at `/<name>`. */
  readonly inline?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Whether volumes are mounted read-only. Default: false. */
  readonly readOnly?: boolean;
  readonly securityContext?: object;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Where it runs, past the scheduler. */
  readonly nodeName?: string;
}

/** A pod that does nothing but have volumes. */
export function volumePod(name: string, options: PodOptions): object {
  const {
    claims = {},
    devices = {},
    inline = {},
    readOnly = false,
    securityContext = {},
    nodeSelector,
    labels = {},
    nodeName,
  } = options;
  const mounted = [...Object.keys(claims), ...Object.keys(inline)];
  const claimed = Object.entries({ ...claims, ...devices });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels },
    spec: {
      terminationGracePeriodSeconds: 0,
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(nodeName === undefined ? {} : { nodeName }),
      securityContext,
      containers: [
        {
          name: "main",
          image: "busybox:latest",
          command: ["sleep", "infinity"],
          volumeMounts: mounted.map((volume) => ({ name: volume, mountPath: `/${volume}`, readOnly })),
          volumeDevices: Object.keys(devices).map((volume) => ({ name: volume, devicePath: `/dev/${volume}` })),
        },
      ],
      volumes: [
        ...claimed.map(([volume, claimName]) => ({ name: volume, persistentVolumeClaim: { claimName, readOnly } })),
        ...Object.entries(inline).map(([volume, volumeAttributes]) => ({
          name: volume,
          csi: { driver: driverName, readOnly, volumeAttributes },
        })),
      ],
    },
  };
}

/** A claim. */
export interface ClaimOptions {
  readonly storageClass?: string;
  readonly volumeName?: string;
  readonly size?: string;
  readonly accessMode?: string;
  readonly volumeMode?: "Filesystem" | "Block";
  readonly dataSource?: object;
  /** Name of a VolumeAttributesClass. */
  readonly attributesClass?: string;
}

/** A claim; by default one for a volume that is there, of 16 MiB, for one node. */
export function claim(name: string, options: ClaimOptions = {}): object {
  const {
    storageClass: storageClassName = "",
    volumeName,
    size = "16Mi",
    accessMode = "ReadWriteOnce",
    volumeMode = "Filesystem",
    attributesClass: volumeAttributesClassName,
  } = options;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "default" },
    spec: {
      storageClassName,
      accessModes: [accessMode],
      volumeMode,
      resources: { requests: { storage: size } },
      ...(volumeName === undefined ? {} : { volumeName }),
      ...(volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
      ...(options.dataSource === undefined ? {} : { dataSource: options.dataSource }),
    },
  };
}

/** A volume written by hand, and the claim of the same name that is bound to it. */
export function staticVolume(
  name: string,
  volumeHandle: string,
  { accessMode = "ReadWriteOnce", volumeMode = "Filesystem", size = "16Mi" }: ClaimOptions = {},
): readonly object[] {
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name },
      spec: {
        capacity: { storage: size },
        accessModes: [accessMode],
        volumeMode,
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { namespace: "default", name },
        csi: { driver: driverName, volumeHandle },
      },
    },
    claim(name, { volumeName: name, accessMode, volumeMode, size }),
  ];
}

/** A class of volumes of the driver. */
export function storageClass(
  name: string,
  volumeBindingMode: "Immediate" | "WaitForFirstConsumer",
  parameters: Readonly<Record<string, string>> = {},
): object {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    provisioner: driverName,
    volumeBindingMode,
    allowVolumeExpansion: true,
    parameters,
  };
}
