import { readFileSync } from "node:fs";
import { KxError } from "@kx/core";
import type { Dns } from "@kx/core/contracts/cni";

/** Reads how names are resolved from a file in the form of resolv.conf(5). */
export function readResolvConf(path: string): Dns {
  try {
    return parseResolvConf(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new KxError("KX_CNI_IO", `resolvConf ${path} cannot be read: ${KxError.from(cause).reason}`, {
      cause,
      remedy: "correct the path, or leave resolvConf out",
    });
  }
}

/** The settings of a text in the form of resolv.conf(5); of `domain`, the last counts. */
export function parseResolvConf(text: string): Dns {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[#;]/.test(line))
    .map((line) => line.split(/\s+/));
  const words = (key: string) => lines.filter(([first, second]) => first === key && second !== undefined);
  const nameservers = words("nameserver").flatMap(([, server]) => server ?? []);
  const domain = words("domain").at(-1)?.[1];
  const search = words("search").flatMap(([, ...names]) => names);
  const options = words("options").flatMap(([, ...names]) => names);
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
}
