import type { MessageShape } from "@bufbuild/protobuf";
import type { Clock, Logger } from "@kx/core";
import type { Controller, GroupController, Node } from "@kx/core/contracts/csi";
import type { CsiMode } from "./capabilities.ts";
import type { CsiCall } from "./csi-call.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import type { CsiFeatures } from "./csi-features.ts";
import type { LockKey } from "./keyed-locks.ts";
import type { Operations } from "./operations.ts";
import type { PublishTable } from "./publish-table.ts";
import type { JsonValue, VolumeState } from "./volume-state.ts";

/** What the rules of one running driver share. */
export interface Kit {
  readonly definition: CsiDriverDefinition;
  readonly features: CsiFeatures;
  readonly state: VolumeState | undefined;
  readonly mode: CsiMode;
  readonly log: Logger;
  readonly clock: Clock;
  readonly operations: Operations;
  readonly publications: PublishTable;
  /** Capabilities with which volumes are staged, by volume and path; what was staged before this process is not known. */
  readonly staged: Map<string, JsonValue>;
  /** Whether a wrong answer of a handler fails its call, or is logged alone. */
  readonly isStrict: boolean;
  /** Why no call is served yet; undefined once `init` is done. */
  starting(): Error | undefined;
}

type Methods = (typeof Controller)["method"] & (typeof GroupController)["method"] & (typeof Node)["method"];

/** The calls that have rules: all but those of Identity and the streams. */
export type UnaryName = keyof Methods;

/** A call's request. */
export type RequestOf<Name extends UnaryName> = MessageShape<Methods[Name]["input"]>;

/** A call's response, as a message. */
export type ResponseOf<Name extends UnaryName> = MessageShape<Methods[Name]["output"]>;

/** What the kit does around the handler of one call. */
export interface Rule<Name extends UnaryName> {
  /** What the call holds while it is at work. Absent: nothing, as for lists and statistics. */
  locks?(request: RequestOf<Name>): readonly LockKey[];
  /** Answers in the handler's place, or around it. Absent: the handler answers. */
  around?(step: Step<Name>): Promise<ResponseOf<Name>>;
}

/** One call on its way to the handler. */
export interface Step<Name extends UnaryName> {
  readonly kit: Kit;
  readonly request: RequestOf<Name>;
  readonly call: CsiCall;
  /** Calls the handler, with this request or another, and checks what it answers. */
  readonly handle: (request?: RequestOf<Name>) => Promise<ResponseOf<Name>>;
}

/** Rules by the calls' names. */
export type Rules = { readonly [Name in UnaryName]?: Rule<Name> };
