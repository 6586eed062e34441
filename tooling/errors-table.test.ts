import { expect, it } from "vitest";
import { firstDifference, readCatalogues, renderErrors, thrownCodes } from "./errors-table.ts";

const entry = { meaning: "What | it is.", remedy: "Do that." };

it("makes one sorted table a package", () => {
  const page = renderErrors([{ name: "@kx/a", entries: { KX_A_TWO: entry, KX_A_ONE: entry } }]);
  const rows = page.split("\n").filter((line) => line.startsWith("| <a"));
  expect(rows).toEqual(
    ["ONE", "TWO"].map((name) => `| <a id="KX_A_${name}"></a>\`KX_A_${name}\` | What \\| it is. | Do that. |`),
  );
});

it("refuses a code that two packages claim, one out of form, and an empty remedy", () => {
  const twice = ["@kx/a", "@kx/b"].map((name) => ({ name, entries: { KX_A_ONE: entry } }));
  expect(() => renderErrors(twice)).toThrow("KX_A_ONE stands in @kx/a and in @kx/b");
  expect(() => renderErrors([{ name: "@kx/a", entries: { KX_one: entry } }])).toThrow("KX_<AREA>_<WHAT>");
  expect(() => renderErrors([{ name: "@kx/a", entries: { KX_A_ONE: { ...entry, remedy: " " } } }])).toThrow("lacks");
});

it("reads the built packages' catalogues", async () => {
  const core = (await readCatalogues())[0];
  expect(core?.name).toBe("@kx/core");
  expect(core?.entries).toHaveProperty("KX_CORE_UNEXPECTED");
});

it("points at the first line that differs", () => {
  expect(firstDifference("a\nb", "a\nc")).toContain("line 2:\n  is:        b\n  should be: c");
  expect(firstDifference("a", "a\nc")).toContain("(end)");
});

it("finds the codes that a source throws, not those that it only mentions", () => {
  const source = 'throw new KxError("KX_A_ONE", "x"); new KxError(\n  "KX_A_TWO", y); const name = "KX_ENV";';
  expect(thrownCodes(source)).toEqual(["KX_A_ONE", "KX_A_TWO"]);
});
