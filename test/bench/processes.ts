import {readdir, readFile} from 'node:fs/promises';

/** USER_HZ of proc(5): 100 wherever Linux runs Node. */
const TICKS_A_SECOND = 100;

/** A process and all that it has started. */
export async function withChildren(pid: number): Promise<readonly number[]> {
  const all = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(async (name) => ({pid: Number(name), parent: Number((await fieldsOf(name))[1] ?? 0)})));
  const below = (parent: number): readonly number[] => [parent, ...all.filter((one) => one.parent === parent).flatMap((one) => below(one.pid))];
  return below(pid);
}

/** What these processes have used since they began, seconds of one core. */
export async function cpuSecondsOf(pids: readonly number[]): Promise<number> {
  const ticks = await Promise.all(pids.map(async (pid) => {
    const fields = await fieldsOf(String(pid));
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }));
  return sum(ticks) / TICKS_A_SECOND;
}

export async function residentMegabytes(pids: readonly number[]): Promise<number> {
  return sum(await Promise.all(pids.map(async (pid) => {
    const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024;
  })));
}

/** Of proc_pid_stat(5), from the state on: the name before it may hold anything. */
async function fieldsOf(pid: string): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
