import type { VolumeState } from "../driver/volume-state.ts";
import type { Mounter } from "../mount/mounter.ts";
import type { Capacity } from "./capacity.ts";
import type { Folders } from "./folders.ts";
import type { HostpathOptions } from "./options.ts";

/** What the parts of the driver share. */
export interface Environment {
  readonly options: HostpathOptions;
  readonly state: VolumeState;
  readonly folders: Folders;
  readonly mounter: Mounter;
  /** Whether all is on the disk before a call is answered. */
  readonly isSynced: boolean;
  /** Made by `init`. */
  capacity(): Capacity;
  readonly topology: { readonly segments: Readonly<Record<string, string>> };
}
