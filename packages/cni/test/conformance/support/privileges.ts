/** Whether what needs network namespaces can run here. It says so if not, and with CI=true that is a failure. */
export function runsHere(what: string): boolean {
  if (process.platform === "linux" && process.getuid?.() === 0) return true;
  const told = `${what} cannot run: network namespaces need Linux and root`;
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
  return false;
}
