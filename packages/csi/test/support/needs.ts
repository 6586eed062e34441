/** Whether mounts can be made here. Says so if not; with CI=true that is a failure. */
export function canMount(otherwise: string): boolean {
  if (process.platform === "linux" && process.getuid?.() === 0) return true;
  const told = `${otherwise}: that needs root on Linux`;
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
  return false;
}
