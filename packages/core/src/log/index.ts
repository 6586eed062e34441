export { isSecretKey, redact, redacted, redactText } from "../redact.ts";
export { type LogLevel, logLevels } from "./levels.ts";
export { createLogger, type LoggerOptions } from "./logger.ts";
