export { type CollectingLogger, collectingLogger, type LogLine } from "./collecting-logger.ts";
export { type FakeClock, fakeClock } from "./fake-clock.ts";
