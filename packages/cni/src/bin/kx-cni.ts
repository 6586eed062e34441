// What is executed where no daemon answers: one program, which is the plug-in by whose name it is called.
import { basename } from "node:path";
import { runExecutedPlugin } from "../daemon/executed.ts";

// The shim tells the name; called directly, the name is that of the link.
const type = process.argv[2] ?? basename(process.argv[1] ?? "");
process.exitCode = await runExecutedPlugin(type, import.meta.dirname);
