import { countedFacts, type Facts } from "./host-snapshot.ts";

/** A line of /proc/<pid>/mountinfo, see proc_pid_mountinfo(5). */
export interface Mount {
  /** Folder of the mounted file system that is its root here. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
}

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Parses mountinfo. */
export function parseMountInfo(text: string): Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const separator = fields.indexOf("-", 6);
      return {
        root: unescape(fields[3] ?? ""),
        mountPoint: unescape(fields[4] ?? ""),
        type: fields[separator + 1] ?? "",
        source: unescape(fields[separator + 2] ?? ""),
      };
    });
}

const networkNamespace = /^net:\[[0-9]+\]$/;

/** The mounts that count: all but network namespaces kept alive by a mount, which are told as such. */
export function mountFacts(mounts: readonly Mount[]): Facts {
  return countedFacts(
    mounts
      .filter(({ type, root }) => !(type === "nsfs" && networkNamespace.test(root)))
      .map(({ root, mountPoint, type, source }) => [mountPoint, `${type} ${source}${root === "/" ? "" : ` ${root}`}`]),
  );
}

/** Network namespaces that are mounted, with the place. */
export function mountedNetworks(mounts: readonly Mount[]): Map<string, string> {
  return new Map(
    mounts
      .filter(({ type, root }) => type === "nsfs" && networkNamespace.test(root))
      .map(({ root, mountPoint }) => [root, `mounted at ${mountPoint}`]),
  );
}
