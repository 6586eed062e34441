import type { LogFields, Logger } from "@kx/core";

type Level = "debug" | "info" | "warn" | "error";
const levels: readonly string[] = ["debug", "info", "warn", "error"] satisfies Level[];

/** A logger that has no cost until something is logged. */
export interface LateLogger extends Logger {
  /** Resolves when all lines are written. */
  flush(): Promise<void>;
}

/**
 * Makes a logger that loads @kx/core/log with the first line that its level lets through: an executed plug-in, started anew
 * for each pod, mostly has nothing to say.
 */
export function createLateLogger(level: string | undefined, stream: { write(text: string): unknown }): LateLogger {
  const least = Math.max(0, levels.includes(level ?? "") ? levels.indexOf(level ?? "") : levels.indexOf("warn"));
  let loaded: Promise<Logger> | undefined;
  let written: Promise<void> = Promise.resolve();
  const load = async () => {
    const { createLogger } = await import("@kx/core/log");
    return createLogger({ level: "debug", stream: { write: (line) => void stream.write(line) } });
  };
  const write = async (at: Level, fields: LogFields, message: string, before: Promise<void>) => {
    const logger = await (loaded ??= load());
    await before;
    logger[at](fields, message);
  };
  const make = (above: LogFields): Logger => {
    const at = (name: Level) => (fields: LogFields, message: string) => {
      if (levels.indexOf(name) >= least) written = write(name, { ...above, ...fields }, message, written);
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      isEnabled: (name) => levels.indexOf(name) >= least,
      child: (fields) => make({ ...above, ...fields }),
    };
  };
  return { ...make({}), flush: () => written };
}
