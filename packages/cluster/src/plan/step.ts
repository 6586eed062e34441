/** One thing that kx-init does (packages/cluster/go/init). Paths are absolute; modes include S_IFMT bits for mknod only. */
export type Step =
  | { readonly op: "mkdir"; readonly path: string; readonly mode: number }
  | { readonly op: "write"; readonly path: string; readonly data: string; readonly mode: number }
  | { readonly op: "symlink"; readonly path: string; readonly source: string }
  | {
      readonly op: "mount";
      readonly path: string;
      readonly source: string;
      readonly type?: string;
      readonly options?: readonly MountOption[];
      readonly data?: string;
    }
  | {
      readonly op: "mknod";
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    }
  /** Hides a path of the lower file system in the overlay whose upper folder is `source`; with a trailing `/`, empties it. */
  | { readonly op: "hide"; readonly path: string; readonly source: string }
  /** Makes a mounted folder the root; the former root is then at {@link oldRoot}, until `detach`. */
  | { readonly op: "pivot"; readonly path: string }
  | { readonly op: "detach" }
  | { readonly op: "hostname"; readonly data: string }
  | { readonly op: "join-cgroup"; readonly path: string };

/** Where the machine's file system is reachable between `pivot` and `detach`. */
export const oldRoot = "/.old-root";

export type MountOption = "bind" | "rbind" | "ro" | "nosuid" | "nodev" | "noexec" | "remount" | "rshared" | "rprivate";
