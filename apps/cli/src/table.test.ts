import { describe, expect, it } from "vitest";
import { age, table } from "./table.ts";

describe("table", () => {
  it("aligns columns under upper-case headings, without trailing spaces", () => {
    const text = table(
      ["name", "ready", "age"],
      [
        ["kube-apiserver", "1/1", "3s"],
        ["etcd", "0/1"],
      ],
    );
    expect(text).toBe(
      ["NAME             READY   AGE", "kube-apiserver   1/1     3s", "etcd             0/1"].join("\n"),
    );
  });

  it("shows its headings without rows", () => {
    expect(table(["name", "age"], [])).toBe("NAME   AGE");
  });
});

describe("age", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  it.each([
    [-5, "0s"],
    [999, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [3 * minute + 12 * second, "3m12s"],
    [10 * minute + 12 * second, "10m"],
    [179 * minute, "179m"],
    [3 * hour + 5 * minute, "3h5m"],
    [47 * hour, "47h"],
    [2 * day + 4 * hour, "2d4h"],
    [12 * day + 4 * hour, "12d"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(age(ms)).toBe(text);
  });
});
