import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const kinds = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The names that a module exports, types too; every export of a contract stands in a list. */
function exported(text: string): readonly string[] {
  const lists = text.matchAll(/export (?:type )?\{([^}]*)\}/g);
  return [...lists].flatMap(([, list = ""]) =>
    list
      .split(",")
      .map(
        (item) =>
          item
            .trim()
            .replace(/^type /, "")
            .split(" as ")
            .at(-1) ?? "",
      )
      .filter((name) => name !== ""),
  );
}

/** Generated names join those of nested types, and name the file: VolumeCapability_AccessMode_Mode, file_v1. */
const isGenerated = (name: string): boolean => name.includes("_");

test.each(kinds)("%s has short names alone", (kind) => {
  const text = readFileSync(join(import.meta.dirname, kind, "index.ts"), "utf8");
  expect(text).not.toContain("export *");
  const names = exported(text);
  // Types that stand in the module itself, as those of controllers do, have the names that we gave them.
  expect(names.length + (text.match(/^export (interface|type \w)/gm)?.length ?? 0)).toBeGreaterThan(1);
  expect(names.filter(isGenerated)).toEqual([]);
});

test("a generated name would be found", () => {
  const text = 'export {\n  A,\n  A_B as AB,\n  type C_D,\n  file_v1,\n} from "./gen/v1_pb.ts";';
  expect(exported(text)).toEqual(["A", "AB", "C_D", "file_v1"]);
  expect(exported(text).filter(isGenerated)).toEqual(["C_D", "file_v1"]);
});
