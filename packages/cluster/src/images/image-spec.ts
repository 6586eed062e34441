/** One entry of an image's root file system. Owner is root, modification time the epoch. */
export type ImageFile =
  | {
      readonly type: "dir";
      /** Absolute path in the image. */
      readonly path: string;
      /** Permission bits. Default: 0o755. */
      readonly mode?: number;
    }
  | {
      readonly type: "file";
      readonly path: string;
      /** The content itself, or where to read it on this machine. */
      readonly content: string | Uint8Array | { readonly from: string };
      /** Permission bits. Default: 0o644. */
      readonly mode?: number;
    }
  | {
      readonly type: "symlink";
      readonly path: string;
      /** What the link says; it need not exist. */
      readonly target: string;
    };

/** How a container of the image runs, as far as the pod does not say otherwise. Every field may be absent. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** Default: a PATH of the usual folders. A PATH given here replaces it. */
  readonly env?: Readonly<Record<string, string>>;
  /** `uid`, `uid:gid` or names of the image's /etc/passwd. Default: root. */
  readonly user?: string;
  /** Default: /. */
  readonly workingDir?: string;
  /** `80` (TCP) or `53/udp`. */
  readonly exposedPorts?: readonly (number | string)[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** Operating system and processor of an image, in Go's words. */
export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
}

/** An image to build: one layer, one platform, any number of names. */
export interface ImageSpec {
  /** `docker.io/library/nginx:latest`; short forms are completed as container runtimes do. */
  readonly names: readonly string[];
  readonly files: readonly ImageFile[];
  readonly config?: ImageConfig;
  /** Default: linux on this machine's processor. */
  readonly platform?: ImagePlatform;
}
