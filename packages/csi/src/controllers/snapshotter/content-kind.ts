import type { Cached, CacheReader, DeepReadonly, ObjectLike, Resource } from "@kx/controllers";
import type { CallOptions } from "@kx/core/grpc";
import type { SnapshotClass, SnapshotError } from "../../snapshot-controller/resources.ts";
import type { DriverClient } from "../driver-client.ts";
import type { SecretRef } from "../secrets.ts";
import type { ContentState } from "./plan-content.ts";

/** What both kinds of contents have. */
export interface Content extends ObjectLike {
  spec: { driver: string };
  status?: { error?: SnapshotError; readyToUse?: boolean };
}

/** How a call of the driver is made. */
export interface ContentCall {
  readonly driver: DriverClient;
  readonly secrets: Record<string, string>;
  readonly options: CallOptions;
  readonly nowMs: number;
}

/** What is different between contents of snapshots and of groups. */
export interface ContentKind<T extends Content> {
  readonly resource: Resource<T>;
  readonly finalizer: string;
  readonly beingCreated: string;
  readonly deletionSecret: { readonly name: string; readonly namespace: string };
  readonly reasons: { readonly create: string; readonly look: string; readonly delete: string };
  state(content: Cached<T>): ContentState;
  classOf(content: Cached<T>, cache: CacheReader): Cached<SnapshotClass> | undefined;
  className(content: Cached<T>): string | undefined;
  /** What the driver may be told of a content: its name, and those of what it is for. */
  names(content: Cached<T>): Record<string, string>;
  /** The secret that reading calls are made with. */
  lookSecret(content: Cached<T>, snapshotClass: DeepReadonly<SnapshotClass> | undefined): SecretRef | undefined;
  /** Has the snapshots taken; gives the status that the content is to have. */
  create(content: Cached<T>, parameters: Record<string, string>, call: ContentCall): Promise<NonNullable<T["status"]>>;
  /** Asks after snapshots; gives the status that the content is to have. */
  look(content: Cached<T>, call: ContentCall): Promise<NonNullable<T["status"]>>;
  delete(content: Cached<T>, call: ContentCall): Promise<void>;
  /** What the status says no more once the snapshots are deleted. */
  readonly told: readonly string[];
}
