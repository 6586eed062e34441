import * as z from "zod/mini";
import { parseDuration } from "../units/duration.ts";

const durationText = /^(\d+(\.\d+)?(ms|s|m|h))+$/;

/** A setting that is Go's text in flags and files, `15s`, and milliseconds in the program. */
export function durationSetting(what: string): z.ZodMiniPipe<z.ZodMiniString, z.ZodMiniTransform<number, string>> {
  return z.pipe(
    z.string().check(z.regex(durationText, "must be a duration such as 15s"), z.describe(what)),
    z.transform(parseDuration),
  );
}
