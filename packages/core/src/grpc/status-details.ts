import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";

/** The trailer in which gRPC's implementations carry a `google.rpc.Status`, whose details say more than its text. */
export const statusDetailsKey = "grpc-status-details-bin";

// google.rpc.Status: int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3.
const [codeField, messageField, detailsField] = [1, 2, 3];

/** Encodes a `google.rpc.Status`. */
export function encodeStatus(code: number, message: string, details: readonly Any[]): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(codeField, WireType.Varint).int32(code);
  writer.tag(messageField, WireType.LengthDelimited).string(message);
  for (const detail of details) {
    writer.tag(detailsField, WireType.LengthDelimited).bytes(toBinary(AnySchema, create(AnySchema, detail)));
  }
  return writer.finish();
}

/** The details of an encoded `google.rpc.Status`; none if the bytes are not one, since they only add to a text. */
export function decodeStatusDetails(bytes: Uint8Array): readonly Any[] {
  try {
    const reader = new BinaryReader(bytes);
    const details: Any[] = [];
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === detailsField && wireType === WireType.LengthDelimited) {
        details.push(fromBinary(AnySchema, reader.bytes()));
      } else reader.skip(wireType, field);
    }
    return details;
  } catch {
    return [];
  }
}
