import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { Random } from "./random.ts";

/** A message with about two of three fields set, to any depth that the schema asks for but at most four. */
export function randomMessage(schema: DescMessage, random: Random, depth = 0): Message {
  // Its range in JSON is smaller than that of its fields.
  if (schema.typeName === TimestampSchema.typeName) {
    return create(TimestampSchema, { seconds: BigInt(random(2 ** 31)), nanos: random(1e9) });
  }
  const message = reflect(schema, create(schema));
  for (const field of schema.fields) {
    if (random(3) > 0 && !(depth === 4 && field.message !== undefined)) fill(message, field, random, depth);
  }
  return message.message;
}

function fill(message: ReflectMessage, field: DescField, random: Random, depth: number): void {
  const one = () => {
    if (field.message !== undefined) return reflect(field.message, randomMessage(field.message, random, depth + 1));
    if (field.enum !== undefined) return field.enum.values[random(field.enum.values.length)]?.number ?? 0;
    return randomScalar(field.scalar ?? ScalarType.STRING, random);
  };
  if (field.fieldKind === "list") {
    const list = message.get(field);
    for (let count = random(3); count > 0; count--) list.add(one());
  } else if (field.fieldKind === "map") {
    const map = message.get(field);
    for (let count = random(3); count > 0; count--) map.set(randomScalar(field.mapKey, random), one());
  } else {
    message.set(field, one());
  }
}

const texts = ["", "a", "registry.example/app:1", '\u{1F980}\n"', "x".repeat(300)];
const longs = [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const unsignedLongs = [0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n];
const integers = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
const unsigned = [0, 1, 2 ** 32 - 1];

function randomScalar(type: ScalarType, random: Random): unknown {
  const pick = (values: readonly unknown[]) => values[random(values.length)];
  if (type === ScalarType.STRING) return pick(texts);
  if (type === ScalarType.BYTES) return Uint8Array.from({ length: random(20) }, () => random(256));
  if (type === ScalarType.BOOL) return random(2) === 1;
  if (type === ScalarType.INT64) return pick(longs);
  if (type === ScalarType.UINT64) return pick(unsignedLongs);
  if (type === ScalarType.INT32) return pick(integers);
  if (type === ScalarType.UINT32) return pick(unsigned);
  if (type === ScalarType.DOUBLE) return pick([0, 0.5, -1e300]);
  throw new Error(`no contract had a field of type ${ScalarType[type]} so far`);
}
