import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** This package's own folder, the same from src and from dist: the one that holds `go/` and `assets.lock.json`. */
export function packageDir(from: string = import.meta.dirname): string {
  let dir = from;
  while (!existsSync(join(dir, "go", "kube", "go.mod"))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error(`@kx/cluster is incomplete: no go/kube/go.mod above ${from}`);
    dir = parent;
  }
  return dir;
}
