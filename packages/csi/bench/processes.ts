import { readdir, readFile } from "node:fs/promises";

/** The memory that a process and those that it has started have resident, in MiB. */
export async function memoryMiBOf(pid: number): Promise<number> {
  const all = [pid, ...(await descendantsOf(pid))];
  const sizes = await Promise.all(all.map(async (one) => residentKiB(await textOf(one, "status"))));
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

/** The processor time that a process has used, in milliseconds. */
export async function cpuMsOf(pid: number): Promise<number> {
  const fields = (await textOf(pid, "stat")).split(") ").at(-1)?.split(" ") ?? [];
  // Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function descendantsOf(pid: number): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    const [, parent] = /^PPid:\s+(\d+)/m.exec(/^\d+$/.test(name) ? await textOf(Number(name), "status") : "") ?? [];
    parents.set(Number(name), Number(parent));
  }
  const found: number[] = [];
  for (let level = [pid]; level.length > 0; found.push(...level)) {
    level = [...parents].flatMap(([child, parent]) => (level.includes(parent) ? [child] : []));
  }
  return found;
}

const residentKiB = (status: string): number => Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);

/** Empty where the process has gone. */
const textOf = (pid: number, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
