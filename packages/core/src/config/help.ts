import type { Setting } from "./settings.ts";

/** The help text of a program: its flags with type, meaning, environment variable, choices and default. */
export function formatHelp(name: string, settings: readonly Setting[]): string {
  const rows = settings.map((setting): [string, string] => [flagColumn(setting), meaning(setting)]);
  rows.push(["--help", "Show this text."]);
  const width = Math.max(...rows.map(([flag]) => flag.length));
  const lines = rows.map(([flag, text]) => `  ${flag.padEnd(width)}  ${text}`.trimEnd());
  return `Usage: ${name} [flags]\n\nFlags:\n${lines.join("\n")}\n`;
}

function flagColumn(setting: Setting): string {
  if (setting.type === "boolean") return `--[no-]${setting.flag}`;
  return `--${setting.flag} <${setting.choices.length > 0 ? setting.choices.join("|") : setting.type}>`;
}

function meaning(setting: Setting): string {
  const notes = [setting.env];
  if (setting.type === "list") notes.push("repeat the flag, or separate by commas in the variable");
  if (setting.default !== undefined) notes.push(`default: ${JSON.stringify(setting.default)}`);
  else if (setting.isRequired) notes.push("required");
  return `${setting.description} [${notes.join("; ")}]`.trimStart();
}
