// What a controller is, whatever runs it: types alone.

/** What is to be brought into its desired state. */
export interface Request<Item> {
  /** `namespace/name`, or `name` for objects of the cluster. */
  readonly key: string;
  readonly ref: { readonly name: string; readonly namespace?: string | undefined };
  /** As it was seen last; undefined after deletion. */
  readonly object: Item | undefined;
}

/** What a reconcile ended with; a failure is thrown instead, and tried again with back-off. */
export type Result =
  /** Nothing is left to do until something changes. */
  | { readonly kind: "done" }
  /** Come again with back-off, as after a failure, but without one. */
  | { readonly kind: "requeue" }
  /** Come again after so many milliseconds, or earlier if something changes. */
  | { readonly kind: "requeueAfter"; readonly ms: number };

/** Makes the world as one object asks. Never called twice at once for one object; called again, it changes nothing. */
export type Reconciler<Item, Context> = (request: Request<Item>, context: Context) => Promise<Result>;
