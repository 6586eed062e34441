import { expect, it } from "vitest";
import { runProgram } from "./run-program.ts";

it("a program gets its input, and tells how it ended", async () => {
  expect(await runProgram("cat", [], "text")).toEqual({ exitCode: 0, stdout: "text", stderr: "" });
  // Arguments are no shell's.
  expect(await runProgram("sh", ["-c", 'echo "$1" >&2; exit 3', "sh", "$HOME;"])).toEqual({
    exitCode: 3,
    stdout: "",
    stderr: "$HOME;\n",
  });
  expect(await runProgram("true", [], "x".repeat(1 << 20))).toMatchObject({ exitCode: 0 });
});

it("a program that is missing is told of, with what to do", async () => {
  await expect(runProgram("kx-no-such-program", [])).rejects.toMatchObject({
    code: "KX_CNI_PROGRAM",
    reason: "the program kx-no-such-program is not on this node",
    remedy: expect.stringContaining("install the package"),
  });
});
