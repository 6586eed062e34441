import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { uniqueBy } from "../json.ts";
import { type ContainerEdits, containerEdits } from "./edits.ts";
import { type CdiVersion, cdiDevicePattern, cdiNamePattern, cdiVersions } from "./names.ts";

/** A device that containers can ask for by name. */
export interface CdiDevice {
  readonly name: string;
  /** Since 0.6.0. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly containerEdits: ContainerEdits;
}

/** What a file in a CDI folder holds. */
export interface CdiSpec {
  readonly cdiVersion: CdiVersion;
  /** vendor.example/class. */
  readonly kind: string;
  /** Since 0.6.0. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly devices: readonly CdiDevice[];
  /** For every container that gets one of the devices. */
  readonly containerEdits?: ContainerEdits;
}

const annotations = z.exactOptional(z.record(z.string(), z.string()));

function isKind(kind: string): boolean {
  const [vendor, name, ...rest] = kind.split("/");
  return rest.length === 0 && [vendor, name].every((part) => part !== undefined && cdiNamePattern.test(part));
}

function isQualifiedName(text: string): boolean {
  const at = text.indexOf("=");
  return at > 0 && isKind(text.slice(0, at)) && cdiDevicePattern.test(text.slice(at + 1));
}

function isEmpty(edits: ContainerEdits): boolean {
  return Object.values(edits).every((edit) => Array.isArray(edit) && edit.length === 0);
}

const device = z.strictObject({
  name: z.string().check(z.regex(cdiDevicePattern, "is no name of a device")),
  annotations,
  containerEdits: containerEdits.check(z.refine((edits) => !isEmpty(edits), "must edit something")),
});

/** A CDI file; as the specification asks, a field that is not known is an error. */
export const cdiSpec: Schema<CdiSpec> = miniSchema(
  z.strictObject({
    cdiVersion: z.enum(cdiVersions),
    kind: z.string().check(z.refine(isKind, "must be vendor/class")),
    annotations,
    devices: z.array(device).check(
      z.minLength(1, "must name a device"),
      uniqueBy(({ name }) => name, "name"),
    ),
    containerEdits: z.exactOptional(containerEdits),
  }),
);

/** A device's full name: vendor.example/class=device. */
export const qualifiedName: Schema<string> = miniSchema(
  z.string().check(z.refine(isQualifiedName, "must be vendor/class=device")),
);
