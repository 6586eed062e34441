import { styleText } from "node:util";

/** A stream as commands write to it. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command sees of the process that runs it. */
export interface Terminal {
  /** Results. */
  readonly stdout: Output;
  /** Progress, remarks and errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Style = Parameters<typeof styleText>[0];

/** Colours a text, where the stream is a terminal that may have colours (https://no-color.org). */
export function paint(style: Style, text: string, output: Output, env: Terminal["env"]): string {
  const plain = output.isTTY !== true || (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  return plain ? text : styleText(style, text, { validateStream: false });
}
