import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defaultDataDir, type HostLocalConfig } from "./config.ts";

/**
 * Tells which addresses other networks have given, if the configuration asks for that: so that pods keep theirs while a node
 * moves from one network to the next.
 */
export function otherLeases({ name, ipam }: HostLocalConfig & { readonly name: string }): (ip: string) => boolean {
  if (ipam.avoidOtherNetworks !== true) return () => false;
  const dataDir = ipam.dataDir || defaultDataDir;
  let folders: readonly string[] | undefined;
  return (ip) => {
    folders ??= networksIn(dataDir).flatMap((network) => (network === name ? [] : [join(dataDir, network)]));
    return folders.some((folder) => existsSync(join(folder, ip)));
  };
}

function networksIn(dataDir: string): readonly string[] {
  try {
    return readdirSync(dataDir).filter((network) => !network.startsWith("."));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
