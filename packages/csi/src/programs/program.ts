/** What a program is given of its process. */
export interface Program {
  /** How it is called, in its help. */
  readonly name: string;
  /** The command line without the program. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Writes to standard output. */
  readonly print: (text: string) => undefined;
}
