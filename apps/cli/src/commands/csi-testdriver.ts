import { readFile } from "node:fs/promises";
import type { CSIDriver, CSIDriverSpec } from "@kx/controllers/api/storage-v1";
import { didYouMean, KxError } from "@kx/core";
import { describeTestDriver, type TestCapability, testCapabilities } from "@kx/csi/testing";
import { parseAllDocuments } from "yaml";
import type { TestDriverFlags } from "../csi/flags.ts";
import { format } from "../output.ts";
import type { Terminal } from "../terminal.ts";

/** Prints the file by which the storage suite of Kubernetes knows a driver. Resolves to the exit code. */
export async function csiTestDriver(flags: TestDriverFlags, { stdout }: Terminal): Promise<number> {
  const { endpoint, csiDriver, set, ...options } = flags;
  // What is wrong with the command line is told before the driver is asked.
  const settings = set === undefined ? {} : { set: Object.fromEntries(set.map(readSetting)) };
  const spec = csiDriver === undefined ? undefined : await readCsiDriver(csiDriver);
  const file = await describeTestDriver(
    { endpoint },
    {
      ...options,
      ...(spec === undefined ? {} : { csiDriver: spec }),
      ...settings,
    },
  );
  stdout.write(`${format(file, "yaml")}\n`);
  return 0;
}

function readSetting(text: string): readonly [TestCapability, boolean] {
  const [, name = "", value] = /^(\w+)=(true|false)$/.exec(text) ?? [];
  const known = testCapabilities.find((one) => one === name);
  if (known !== undefined) return [known, value === "true"];
  const meant = didYouMean(name, testCapabilities);
  throw new KxError("KX_CLI_CSI", `${text} is no capability with true or false, such as exec=false`, {
    remedy: meant === undefined ? `known are ${testCapabilities.join(", ")}` : `did you mean ${meant}?`,
  });
}

/** The spec of the CSIDriver among a file's objects, also where they are in a List. */
async function readCsiDriver(path: string): Promise<CSIDriverSpec> {
  const wrong = (problem: string, cause?: unknown) =>
    new KxError("KX_CLI_CSI", `${path} ${problem}`, {
      cause,
      remedy: "give a file with the driver's CSIDriver, such as its manifests",
    });
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw wrong(`cannot be read: ${KxError.from(error).reason}`, error);
  });
  const documents = parseAllDocuments(text);
  const faults = documents.flatMap(({ errors }) => errors);
  if (faults[0] !== undefined) throw wrong(`is no YAML: ${faults[0].message}`, faults[0]);
  const objects = documents.flatMap((document) => {
    const object = document.toJS() as { readonly kind?: string; readonly items?: readonly object[] } | null;
    return object?.kind === "List" ? (object.items ?? []) : [object];
  }) as readonly (CSIDriver | null)[];
  const found = objects.find((object) => object?.kind === "CSIDriver");
  if (found == null) throw wrong("has no CSIDriver");
  return found.spec;
}
