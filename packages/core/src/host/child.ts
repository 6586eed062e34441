// The process of an isolated extension.
import { runIsolatedChild } from "./isolated-child.ts";

runIsolatedChild();
