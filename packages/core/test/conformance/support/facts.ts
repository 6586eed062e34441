import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  FieldOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";

/** What a schema file lays down, one entry an element: "field csi.v1.Volume.volume_id" tells number, type and so on. */
export type Facts = ReadonlyMap<string, string>;

/** All that a peer could notice of a file: names, numbers, types, streams and options, but no comment and no path. */
export function factsOf(file: DescFile): Facts {
  return new Map([
    [`file ${file.proto.package}`, `syntax ${file.proto.syntax}`],
    ...file.messages.flatMap(ofMessage),
    ...file.enums.flatMap(ofEnum),
    ...file.services.flatMap(ofService),
    ...file.extensions.map(ofExtension),
  ]);
}

type Fact = readonly [string, string];

function ofMessage(message: DescMessage): readonly Fact[] {
  const { reservedRange, reservedName, options } = message.proto;
  const ranges = reservedRange.map(({ start, end }) => `${start}-${end}`);
  const text = `reserved ${[...ranges, ...reservedName].join(",")} options ${encoded(MessageOptionsSchema, options)}`;
  return [
    [`message ${message.typeName}`, text],
    ...message.fields.map((field): Fact => [`field ${message.typeName}.${field.name}`, ofField(field)]),
    ...message.nestedMessages.flatMap(ofMessage),
    ...message.nestedEnums.flatMap(ofEnum),
  ];
}

function ofField(field: DescField): string {
  const { label, options } = field.proto;
  const presence = `presence ${field.presence} label ${label} oneof ${field.oneof?.name ?? ""}`;
  const described = `number ${field.number} type ${typeOf(field)} json ${field.jsonName} ${presence}`;
  return `${described} options ${encoded(FieldOptionsSchema, options)}`;
}

function typeOf(field: DescField | DescExtension): string {
  const value =
    field.message?.typeName ?? field.enum?.typeName ?? (field.scalar === undefined ? "" : ScalarType[field.scalar]);
  if (field.fieldKind === "list") return `list of ${value}`;
  return field.fieldKind === "map" ? `map of ${ScalarType[field.mapKey]} to ${value}` : value;
}

function ofEnum(descriptor: DescEnum): readonly Fact[] {
  const { reservedRange, reservedName, options } = descriptor.proto;
  const ranges = reservedRange.map(({ start, end }) => `${start}-${end}`);
  const text = `reserved ${[...ranges, ...reservedName].join(",")} options ${encoded(EnumOptionsSchema, options)}`;
  return [
    [`enum ${descriptor.typeName}`, text],
    ...descriptor.values.map(
      ({ name, number, proto }): Fact => [
        `value ${descriptor.typeName}.${name}`,
        `number ${number} options ${encoded(EnumValueOptionsSchema, proto.options)}`,
      ],
    ),
  ];
}

function ofService(service: DescService): readonly Fact[] {
  const { options } = service.proto;
  return [
    [`service ${service.typeName}`, `options ${encoded(ServiceOptionsSchema, options)}`],
    ...service.methods.map(({ name, methodKind, input, output, proto }): Fact => {
      const signature = `${methodKind} takes ${input.typeName} returns ${output.typeName}`;
      return [
        `method ${service.typeName}/${name}`,
        `${signature} options ${encoded(MethodOptionsSchema, proto.options)}`,
      ];
    }),
  ];
}

function ofExtension(extension: DescExtension): Fact {
  const { typeName, extendee, number } = extension;
  return [`extension ${typeName}`, `of ${extendee.typeName} number ${number} type ${typeOf(extension)}`];
}

/** Options byte for byte: custom ones such as csi_secret are kept in them as unknown fields. */
function encoded<D extends DescMessage>(schema: D, options: MessageShape<D> | undefined): string {
  return options === undefined ? "" : Buffer.from(toBinary(schema, options)).toString("hex");
}
