import { expect, it } from "vitest";
import { childCommand, type Machine } from "./child-command.ts";

const node = { execPath: "/n/node", entry: "/k/child.js" };
const root: Machine = { isRoot: true, setpriv: "/usr/bin/setpriv" };

it("is plain node without setpriv, and dies with its host with it", () => {
  expect(childCommand(node, {}, { isRoot: false, setpriv: undefined })).toEqual({
    file: "/n/node",
    args: ["/k/child.js", "isolated-child"],
  });
  expect(childCommand(node, {}, { ...root, isRoot: false })).toEqual({
    file: "/usr/bin/setpriv",
    args: ["--pdeathsig=KILL", "--", "/n/node", "/k/child.js", "isolated-child"],
  });
});

it("leaves another user no capability but those named, and no other group", () => {
  const all = (set: string) => [`--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`];
  const end = ["--no-new-privs", "--pdeathsig=KILL", "--", "/n/node", "/k/child.js", "isolated-child"];
  expect(childCommand(node, { user: 1000 }, root)).toMatchObject({
    args: ["--reuid=1000", "--regid=1000", "--clear-groups", ...all("-all"), ...end],
  });
  expect(
    childCommand(node, { user: "kx", group: "disk", capabilities: ["NET_ADMIN", "CAP_SYS_ADMIN"] }, root),
  ).toMatchObject({
    args: ["--reuid=kx", "--regid=disk", "--clear-groups", ...all("-all,+net_admin,+sys_admin"), ...end],
  });
  expect(childCommand(node, { capabilities: [] }, root)).toMatchObject({ args: [...all("-all"), ...end] });
});

it("leaves room beside V8's heap in a memory limit", () => {
  expect(childCommand(node, { memoryLimitBytes: 200 * 1024 ** 2 }, root)).toMatchObject({
    args: ["--pdeathsig=KILL", "--", "/n/node", "--max-old-space-size=150", "/k/child.js", "isolated-child"],
  });
});

it("gives on what keeps the host's heap small, and no other flag", () => {
  const flags = { ...node, execArgv: ["--inspect=9229", "--max-semi-space-size=4", "--v8-pool-size=1"] };
  expect(childCommand(flags, {}, { isRoot: false, setpriv: undefined })).toEqual({
    file: "/n/node",
    args: ["--max-semi-space-size=4", "--v8-pool-size=1", "/k/child.js", "isolated-child"],
  });
});

it("says what rights need", () => {
  expect(childCommand(node, { user: 1 }, { ...root, isRoot: false })).toMatchObject({
    reason: expect.stringContaining("root"),
  });
  expect(childCommand(node, { user: 1 }, { isRoot: true, setpriv: undefined })).toMatchObject({
    reason: expect.stringContaining("setpriv"),
  });
});
