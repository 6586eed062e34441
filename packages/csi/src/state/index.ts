export { type FileStateOptions, fileState } from "./file-state.ts";
