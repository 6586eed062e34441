import type { Logger } from "@kx/core";

/** What is kept of: each kind has names and ids of its own. */
export type StateKind = "volume" | "snapshot" | "groupSnapshot" | "publication";

/** Plain JSON. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonRecord;

/** A JSON object. */
export interface JsonRecord {
  [key: string]: JsonValue;
}

/** A node to which a volume is published by ControllerPublishVolume. */
export interface StoredAttachment {
  /** What was asked, without secrets: made and read by the kit. */
  readonly request: JsonRecord;
  /** What was answered: made and read by the kit. */
  readonly response: JsonRecord;
}

/** What is known of one volume, snapshot or group, or of one path where a volume is published (`publication`). */
export interface StoredObject {
  readonly kind: StateKind;
  /** As the driver chose it; of a publication, the target path. Any text, up to 4 KiB. */
  readonly id: string;
  /** As the caller chose it, unique in its kind; of a publication, the volume's id, which several may share. */
  readonly name: string;
  /** What was asked, without secrets: made by the kit, compared with the requests of retries. */
  readonly request?: JsonRecord;
  /** What was answered: made by the kit, given to retries, kept up to date when a volume grows or is modified. */
  readonly response?: JsonRecord;
  /** By node id. Absent: published to none. */
  readonly attachments?: Readonly<Record<string, StoredAttachment>>;
  /** What the driver itself keeps by `ctx.keep`. */
  readonly data?: JsonRecord;
}

/**
 * Where the kit keeps what it must know again after a restart. `fileState` is one; a driver whose storage system can hold
 * such records may give its own. Calls for one object never overlap; those for several do.
 *
 * What `put` and `delete` did is there after a crash, as a whole or not at all, once their promise has resolved. A reboot
 * voids publications, so that these need not be flushed to the disk.
 */
export interface VolumeState {
  /** Made ready once, before the driver's `init`, so that what is wrong shows at the start. Absent: nothing to do. */
  open?(log: Logger): Promise<void>;
  get(kind: StateKind, id: string): Promise<StoredObject | undefined>;
  findByName(kind: StateKind, name: string): Promise<StoredObject | undefined>;
  /** Adds the object, or replaces that of the same kind and id. */
  put(object: StoredObject): Promise<void>;
  /** Does nothing if there is no such object. */
  delete(kind: StateKind, id: string): Promise<void>;
  /**
   * At most `limit` objects in the order of their ids (that of JavaScript's `<`), from the first whose id is greater than
   * `after`; from the very first if that is undefined.
   */
  list(kind: StateKind, after: string | undefined, limit: number): Promise<readonly StoredObject[]>;
  /** Lets go of what `open` took, such as a lock, when the driver stops. */
  [Symbol.asyncDispose]?(): Promise<void>;
}
