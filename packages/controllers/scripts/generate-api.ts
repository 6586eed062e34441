// Writes src/api/gen/*.ts from the OpenAPI v3 documents of a Kubernetes, one file a group version.
//   node scripts/generate-api.ts <folder of api/openapi-spec/v3 | kubeconfig> [folder to write to]
// The committed files come from the folder, which needs no server; a running server would add the enums.
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "../src/index.ts";
import { loadKubeconfig } from "../src/kubeconfig/index.ts";
import { type Document, type Module, renderModules } from "./render-api.ts";

const modules: readonly Module[] = [
  { file: "meta-v1", schemas: "io.k8s.apimachinery.pkg.apis.meta.v1" },
  { file: "core-v1", schemas: "io.k8s.api.core.v1", path: "api/v1" },
  { file: "apps-v1", schemas: "io.k8s.api.apps.v1", path: "apis/apps/v1" },
  { file: "batch-v1", schemas: "io.k8s.api.batch.v1", path: "apis/batch/v1" },
  // Jobs refer to types of this group version; its resources are not generated.
  { file: "scheduling-v1alpha3", schemas: "io.k8s.api.scheduling.v1alpha3" },
  { file: "rbac-v1", schemas: "io.k8s.api.rbac.v1", path: "apis/rbac.authorization.k8s.io/v1" },
  { file: "storage-v1", schemas: "io.k8s.api.storage.v1", path: "apis/storage.k8s.io/v1" },
  { file: "coordination-v1", schemas: "io.k8s.api.coordination.v1", path: "apis/coordination.k8s.io/v1" },
  { file: "events-v1", schemas: "io.k8s.api.events.v1", path: "apis/events.k8s.io/v1" },
  {
    file: "apiextensions-v1",
    schemas: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    path: "apis/apiextensions.k8s.io/v1",
  },
];

async function fromFolder(folder: string): Promise<Map<string, Document>> {
  const names = new Set(await readdir(folder));
  const found = new Map<string, Document>();
  for (const { path } of modules) {
    const name = `${path?.replaceAll("/", "__")}_openapi.json`;
    if (path !== undefined && names.has(name)) {
      found.set(path, JSON.parse(await readFile(join(folder, name), "utf8")) as Document);
    }
  }
  return found;
}

async function fromServer(kubeconfig: string): Promise<Map<string, Document>> {
  await using client = createClient(await loadKubeconfig({ path: kubeconfig }));
  const found = new Map<string, Document>();
  for (const { path } of modules) {
    if (path !== undefined) found.set(path, (await client.raw("GET", `/openapi/v3/${path}`)) as Document);
  }
  return found;
}

const [source, target = fileURLToPath(new URL("../src/api/gen", import.meta.url))] = process.argv.slice(2);
if (source === undefined) throw new Error("usage: node scripts/generate-api.ts <folder | kubeconfig> [target folder]");
const documents = (await stat(source)).isDirectory() ? await fromFolder(source) : await fromServer(source);
for (const [file, text] of renderModules(modules, documents)) {
  await writeFile(join(target, `${file}.ts`), text);
  process.stdout.write(`${file}: ${text.length} bytes\n`);
}
