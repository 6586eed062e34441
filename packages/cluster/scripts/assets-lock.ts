// Fills assets.lock.json from the checksums that the projects publish: node scripts/assets-lock.ts [VERSION...]
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseChecksum } from "../src/assets/checksums.ts";
import { packageDir } from "../src/assets/package-dir.ts";
import { type ReleaseFile, recipes } from "../src/assets/recipes.ts";
import { type Architecture, versions } from "../src/assets/versions.ts";

const path = join(packageDir(import.meta.dirname), "assets.lock.json");
const architectures: readonly Architecture[] = ["amd64", "arm64"];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [versions.kubernetes];

const table: Record<string, Record<string, Record<string, string>>> = JSON.parse(await readFile(path, "utf8"));
for (const version of wanted.map((text) => text.replace(/^v/, ""))) {
  const platforms: Record<string, Record<string, string>> = {};
  for (const arch of architectures) {
    const rows: Record<string, string> = {};
    for (const file of recipes(version, arch).flatMap((recipe) => recipe.downloads))
      rows[file.url] = await checksum(file);
    platforms[`linux-${arch}`] = rows;
  }
  table[version] = platforms;
  console.log(`${version}: ${Object.values(platforms).flatMap((rows) => Object.keys(rows)).length} files`);
}
await writeFile(path, `${JSON.stringify(table, undefined, 2)}\n`);

async function checksum({ url, checksumUrl }: ReleaseFile): Promise<string> {
  const response = await fetch(checksumUrl);
  if (!response.ok) throw new Error(`${checksumUrl}: HTTP ${response.status}`);
  const sum = parseChecksum(await response.text(), url.slice(url.lastIndexOf("/") + 1));
  if (sum === undefined) throw new Error(`${checksumUrl} has no SHA-256 of ${url}`);
  return sum;
}
