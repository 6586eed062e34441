import { createHash } from "node:crypto";

// A file name has at most 255 bytes.
const longest = 200;
export const objectSuffix = ".json";

/**
 * The name of an object's file, one for each id: whatever the id, it names no other folder, no hidden file, and neither `.`
 * nor `..`.
 */
export function fileNameOf(id: string): string {
  const escaped = escapeName(id);
  // `~` is in no escaped name.
  const short = escaped.length <= longest && id.isWellFormed() && id !== "" ? escaped : `~${digest(id)}`;
  return short + objectSuffix;
}

/** What stays as it is: the ids that drivers give, most often. */
const plain = /^[\w-][\w.-]*$/;

/** A name of any text as a part of a path. */
export function escapeName(text: string): string {
  if (plain.test(text)) return text;
  return [...Buffer.from(text)]
    .map((byte, index) => {
      const letter = String.fromCharCode(byte);
      const isPlain = /[\w-]/.test(letter) || (letter === "." && index > 0);
      return isPlain ? letter : `%${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

// JSON keeps apart what UTF-8 cannot express.
const digest = (id: string): string => createHash("sha256").update(JSON.stringify(id)).digest("hex");
