import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { clusterDir, commandFor } from "./cluster-dir.ts";

describe("clusterDir", () => {
  it("prefers --dir over KX_DIR over the default folder", () => {
    const env = { KX_DIR: "/srv/kx", HOME: "/home/ada" };
    expect(clusterDir("/tmp/a", env)).toBe("/tmp/a");
    expect(clusterDir(undefined, env)).toBe("/srv/kx");
    expect(clusterDir(undefined, { HOME: "/home/ada" })).toBe("/home/ada/.kx/default");
  });

  it("takes an empty value for none, and makes paths absolute", () => {
    expect(clusterDir("", { KX_DIR: "", HOME: "/home/ada" })).toBe("/home/ada/.kx/default");
    expect(clusterDir("here", {})).toBe(resolve("here"));
    expect(clusterDir(undefined, { KX_DIR: "there" })).toBe(resolve("there"));
  });
});

describe("commandFor", () => {
  it("names the folder only where it is not the one that the command finds itself", () => {
    const env = { HOME: "/home/ada" };
    expect(commandFor("down", "/home/ada/.kx/default", env)).toBe("kx down");
    expect(commandFor("down", "/tmp/a", env)).toBe("KX_DIR=/tmp/a kx down");
    expect(commandFor("down", "/tmp/a", { ...env, KX_DIR: "/tmp/a" })).toBe("kx down");
  });

  it("goes through npx where npm runs kx", () => {
    const env = { HOME: "/home/ada", npm_command: "run-script" };
    expect(commandFor("status", "/home/ada/.kx/default", env)).toBe("npx kx status");
  });
});
