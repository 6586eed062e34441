import { type DescMessage, fromJson, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { JsonRecord } from "./volume-state.ts";

/** A message as it is stored: it must hold no secrets. */
export function toStored<Desc extends DescMessage>(type: Desc, message: MessageShape<Desc>): JsonRecord {
  // Every message of CSI is an object in JSON.
  return toJson(type, message) as JsonRecord;
}

/** A message as it was stored; fields of a newer version of this program are left out. */
export function fromStored<Desc extends DescMessage>(type: Desc, stored: JsonRecord | undefined): MessageShape<Desc> {
  return fromJson(type, stored ?? {}, { ignoreUnknownFields: true });
}
