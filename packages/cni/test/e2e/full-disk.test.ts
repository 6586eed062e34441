// A file system that is full while leases are written.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const program = join(import.meta.dirname, "programs/full-disk.ts");

test("host-local fails an ADD cleanly when its disk is full, and goes on when there is room", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kx-full-disk-"));
  // In a mount namespace of its own: the mount ends with the program.
  const script = 'mount -t tmpfs -o size=64k,nr_inodes=32 kx-test "$1" && exec "$2" "$3" "$1"';
  const command = ["--mount", "sh", "-ec", script, "sh", folder, process.execPath, program];
  const { stdout } = await promisify(execFile)("unshare", command).finally(() => rmSync(folder, { recursive: true }));
  const told: unknown = JSON.parse(stdout);
  const leases = (...owners: readonly (readonly [id: string, host: number])[]) =>
    Object.fromEntries(
      owners.flatMap(([id, host]) => [`10.1.0.${host}`, `fd00::${host}`].map((ip) => [ip, `${id}\r\neth0`])),
    );
  const given = { cniVersion: "1.1.0", ips: [expect.anything(), expect.anything()] };
  const full = {
    code: 5,
    msg: expect.stringMatching(/KX_CNI_IO.*no space left on device/i),
    details: "make room on that disk",
  };
  expect(told).toEqual({
    before: { output: given, leases: leases(["a", 2]) },
    "no bytes left": { output: { cniVersion: "1.1.0", ...full }, leases: leases(["a", 2]) },
    "bytes again": { output: given, leases: leases(["a", 2], ["b", 3]) },
    "no files left": { output: { cniVersion: "1.1.0", ...full }, leases: leases(["a", 2], ["b", 3]) },
    "DEL with no files left": { output: {}, leases: leases(["b", 3]) },
    "files again": { output: given, leases: leases(["b", 3], ["c", 4]) },
  });
});
