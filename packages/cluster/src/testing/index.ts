export { type ExpectNoLeaksOptions, expectNoLeaks } from "./expect-no-leaks.ts";
export {
  describeLeak,
  diffSnapshots,
  type Facts,
  type HostSnapshot,
  type Leak,
  type LeakKind,
  type SnapshotScope,
} from "./host-snapshot.ts";
export { takeSnapshot } from "./take-snapshot.ts";
