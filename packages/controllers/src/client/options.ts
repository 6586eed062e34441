/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What every change takes. */
export interface ChangeOptions extends CallOptions {
  /** Who is recorded as owner of the fields set. Default: that of the client. */
  readonly fieldManager?: string;
  /** Checks and answers, but stores nothing. Default: false. */
  readonly dryRun?: boolean;
}

/** Which objects a list or a watch is about. */
export interface Selection {
  /** Default: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Options of a list. */
export interface ListOptions extends CallOptions, Selection {
  /** Objects fetched by one request. Default: 500. */
  readonly pageSize?: number;
}

/** Options of a watch. */
export interface WatchOptions extends CallOptions, Selection {
  /** Where to go on from: the version of a list, or of an event seen before. Default: now, with what exists first. */
  readonly resourceVersion?: string;
  /** When the server shall end the watch. Default: the server's own choice. */
  readonly timeoutSeconds?: number;
  /** Sends what exists first, then a bookmark that says so (`isInitialEnd`). Default: false. */
  readonly sendInitialEvents?: boolean;
}

/** Options of a patch. */
export interface PatchOptions extends ChangeOptions {
  /** Default: `apply`, the server-side apply. */
  readonly type?: "apply" | "merge" | "json";
  /** With `apply`: takes over fields that another manager owns. Default: false. */
  readonly force?: boolean;
  readonly subresource?: string;
}

/** Options of a deletion. */
export interface DeleteOptions extends CallOptions {
  /** What happens to objects owned by this one. Default: the server's choice, mostly `Background`. */
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly gracePeriodSeconds?: number;
  /** Deletes only this object, not a later one of the same name. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly dryRun?: boolean;
}
