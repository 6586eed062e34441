import { readFile } from "node:fs/promises";
import { KxError } from "../error.ts";

/**
 * Reads a YAML or JSON file (JSON is YAML).
 *
 * @throws KxError `KX_CONFIG_FILE_UNREADABLE` or `KX_CONFIG_FILE_SYNTAX`, naming path, line and column.
 */
export async function readConfigFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new KxError("KX_CONFIG_FILE_UNREADABLE", `cannot read the configuration file ${path}: ${why}`, {
      cause,
      remedy: "check that the file exists and may be read by this user",
    });
  }
  return parseConfigText(text, path);
}

/** An empty text is an empty object. */
async function parseConfigText(text: string, path: string): Promise<unknown> {
  // The parser is large, and a program without a file does not need it.
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true });
  const problem = document.errors[0];
  if (problem !== undefined) throw syntaxError(path, problem.message);
  try {
    // Converting is where a bomb of aliases is found out.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value ?? {};
  } catch (cause) {
    throw syntaxError(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function syntaxError(path: string, message: string): KxError {
  // The parser's message goes on with an excerpt of the file, which may hold secrets; so it is no cause either.
  const reason = `the configuration file ${path} is no valid YAML: ${message.split("\n")[0]?.replace(/:$/, "")}`;
  return new KxError("KX_CONFIG_FILE_SYNTAX", reason, { remedy: "correct the file at that line and column" });
}
