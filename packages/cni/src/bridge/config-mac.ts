import * as z from "zod/mini";

const form = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i;

/** An interface's address as 02:00:00:00:00:01; undefined if the text is none, or one that no interface may have. */
export function readMac(text: string): string | undefined {
  if (!form.test(text)) return undefined;
  const mac = text.toLowerCase().replaceAll("-", ":");
  const isForMany = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  return isForMany || mac === "00:00:00:00:00:00" ? undefined : mac;
}

export const macProblem = "must be the MAC address of one interface, such as 02:00:00:00:00:01";

/** Empty where nothing is asked for. */
export const macSchema = z.string().check(z.refine((text) => text === "" || readMac(text) !== undefined, macProblem));
