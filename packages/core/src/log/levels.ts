/** The levels, from the most to the least talkative; `silent` writes nothing. */
export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;

/** The least important level that is written. */
export type LogLevel = (typeof logLevels)[number];
