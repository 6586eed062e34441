/** A kubectl-style table: upper-case headings, columns three spaces apart, no lines. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings.map((heading) => heading.toUpperCase()), ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      widths
        .map((width, column) => (line[column] ?? "").padEnd(width))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

/** A duration as kubectl writes ages: `45s`, `3m12s`, `5h3m`, `2d4h`. @param ms - milliseconds */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const pair = (large: number, unit: string, small: number, smallUnit: string): string =>
    `${large}${unit}${small === 0 ? "" : `${small}${smallUnit}`}`;
  if (days >= 10) return `${days}d`;
  if (days >= 2) return pair(days, "d", hours % 24, "h");
  if (hours >= 10) return `${hours}h`;
  if (hours >= 3) return pair(hours, "h", minutes % 60, "m");
  if (minutes >= 10) return `${minutes}m`;
  if (minutes >= 2) return pair(minutes, "m", seconds % 60, "s");
  return `${seconds}s`;
}
