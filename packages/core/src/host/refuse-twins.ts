import { KxError } from "../error.ts";

/** Throws KX_HOST_EXTENSION_TWICE if two extensions have one name: log, metrics and status could not tell them apart. */
export function refuseTwins(extensions: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const { name } of extensions) {
    if (names.has(name)) {
      throw new KxError("KX_HOST_EXTENSION_TWICE", `two extensions are named ${name}`, {
        remedy: "name each extension once in the host's configuration, or give one another name in its options",
      });
    }
    names.add(name);
  }
}
