import type { Gate } from "./gate.ts";

const turbo = (task: string) =>
  `turbo run ${task} --output-logs=errors-only --no-update-notifier --log-order=grouped`.split(" ");

/** All gates of `npm run check`. CONTRIBUTING.md tells what each is for. */
export const gates: readonly Gate[] = [
  { name: "build", commands: [turbo("build")] },
  { name: "boundaries", commands: [["turbo", "boundaries"]] },
  { name: "format", commands: [["biome", "check", "--error-on-warnings", "."]], fix: "npm run format" },
  { name: "versions", commands: [["syncpack", "lint"]], fix: "npx syncpack fix" },
  { name: "unused", commands: [["knip", "--tsConfig", "tsconfig.build.json", "--no-progress"]] },
  { name: "lock", commands: [["npm", "ci", "--dry-run", "--ignore-scripts"]], fix: "npm install" },
  { name: "changesets", commands: [["node", "tooling/changesets.ts"]], fix: "npx changeset" },
  { name: "portable-text", commands: [["node", "tooling/portable-text.ts"]] },
  { name: "generated", commands: [["node", "tooling/generated.ts", "--check"]], fix: "npm run generate" },
  { name: "typecheck", after: ["build"], commands: [turbo("typecheck"), ["tsc", "-p", "tsconfig.json"]] },
  { name: "lint", after: ["build"], commands: [["oxlint", "--type-aware", "--deny-warnings"]] },
  {
    name: "api-reports",
    after: ["build"],
    commands: [["node", "tooling/api-reports.ts", "--check"]],
    fix: "npm run api",
  },
  { name: "package", after: ["build"], commands: [["node", "tooling/package-lint.ts"]] },
  {
    name: "errors-table",
    after: ["build"],
    commands: [["node", "tooling/errors-table.ts", "--check"]],
    fix: "node tooling/errors-table.ts",
  },
  { name: "import-budget", after: ["build"], commands: [["node", "tooling/import-budget.ts"]] },
  { name: "doc-snippets", after: ["build"], commands: [["node", "tooling/doc-snippets.ts"]] },
];
