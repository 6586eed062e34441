// Writes packages/*/api/<subpath>.api.md, what each public subpath exports; with --check, only tells whether one is stale.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { publishedWorkspaces, root } from "./workspaces.ts";

interface Report {
  readonly packageDir: string;
  readonly entry: string;
  readonly folder: string;
  readonly file: string;
}

/** The subpaths worth a report: all but the generated Kubernetes types, whose review is that of their generator. */
function plannedReports(): readonly Report[] {
  return publishedWorkspaces().flatMap(({ dir, manifest }) =>
    Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
      const types = typeof target === "string" ? undefined : target.types;
      if (types === undefined || types.includes("/gen/")) return [];
      const name = subpath === "." ? "index" : subpath.slice(2).replaceAll("/", "-");
      return [{ packageDir: dir, entry: join(dir, types), folder: join(dir, "api"), file: `${name}.api.md` }];
    }),
  );
}

function configure(report: Report, reports: readonly Report[], temporary: string): ExtractorConfig {
  const compilerOptions = {
    module: "NodeNext",
    moduleResolution: "NodeNext",
    target: "ES2022",
    lib: ["ES2022", "ESNext.Disposable"],
    types: ["node"],
    strict: true,
    skipLibCheck: true,
  };
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(report.packageDir, "package.json"),
    configObject: {
      projectFolder: report.packageDir,
      mainEntryPointFilePath: report.entry,
      newlineKind: "lf",
      compiler: { overrideTsconfig: { compilerOptions, files: reports.map(({ entry }) => entry) } },
      apiReport: {
        enabled: true,
        reportFileName: report.file,
        reportFolder: report.folder,
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          // A type that a public signature uses and nobody can name: it shows in the report, so in its review.
          "ae-forgotten-export": { logLevel: ExtractorLogLevel.None, addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
}

/** Names in `folder` that no planned report writes. */
function orphans(reports: readonly Report[]): readonly string[] {
  const planned = new Set(reports.map(({ folder, file }) => join(folder, file)));
  return [...new Set(reports.map(({ folder }) => folder))].flatMap((folder) =>
    readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => !planned.has(path)),
  );
}

const check = process.argv.includes("--check");
const temporary = mkdtempSync(join(tmpdir(), "kx-api-"));
const reports = plannedReports();
let compilerState: CompilerState | undefined;
let stale = 0;
for (const report of reports) {
  mkdirSync(report.folder, { recursive: true });
  const config = configure(report, reports, temporary);
  compilerState ??= CompilerState.create(config, { additionalEntryPoints: reports.map(({ entry }) => entry) });
  const result = Extractor.invoke(config, {
    compilerState,
    localBuild: !check,
    printApiReportDiff: check,
    messageCallback: (message) => {
      const isWorthTelling =
        message.logLevel === ExtractorLogLevel.Error || (check && message.logLevel === ExtractorLogLevel.Warning);
      if (!isWorthTelling) message.handled = true;
    },
  });
  if (result.errorCount > 0 || (check && result.apiReportChanged)) {
    stale += 1;
    console.error(`${relative(root, join(report.folder, report.file))}: not what the package exports`);
  }
}
for (const path of orphans(reports)) {
  if (!check) rmSync(path);
  else {
    stale += 1;
    console.error(`${relative(root, path)}: no subpath of this name is exported`);
  }
}
rmSync(temporary, { recursive: true });
console.log(`${reports.length} reports, ${stale} not up to date`);
process.exitCode = stale === 0 ? 0 : 1;
