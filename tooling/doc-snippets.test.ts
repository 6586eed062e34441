import { expect, test } from "vitest";
import { snippetsOf } from "./doc-snippets.ts";

const fence = "`".repeat(3);

test("takes the TypeScript blocks, each at its own line", () => {
  const page = ["# Title", `${fence}ts`, "const a = 1;", fence, `${fence}sh`, "ls", fence, `${fence}ts`, "b();", fence];
  expect(snippetsOf("docs/a.md", page.join("\n"))).toEqual([
    { name: "docs__a.md__2.ts", text: "\n\nconst a = 1;\n" },
    { name: "docs__a.md__8.ts", text: "\n\n\n\n\n\n\n\nb();\n" },
  ]);
});

test("leaves out a block marked ignore", () => {
  expect(snippetsOf("a.md", `${fence}ts ignore\nnonsense(\n${fence}\n`)).toEqual([]);
});
