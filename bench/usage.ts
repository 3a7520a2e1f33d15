import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Cores kept busy by others from which on times mean little. */
export const BUSY_CORES = 0.1;
const LOOK_MS = 2_000;

/** Linux counts CPU time in hundredths of a second. */
const TICKS = 100;

/** CPU seconds spent so far by the service itself and by everything below it, which is PostgreSQL. */
export interface CpuSeconds {
  readonly own: number;
  readonly below: number;
}

/** CPU time of a process and its descendants; null where there is no /proc. */
export function cpuSeconds(pid: number): CpuSeconds | null {
  try {
    const parents = new Map<number, number>();
    const spent = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const fields = statOf(Number(name));
      if (!fields) continue;
      parents.set(Number(name), Number(fields[1]));
      spent.set(Number(name), (Number(fields[11]) + Number(fields[12])) / TICKS);
      // Sessions that have ended are counted with the server that reaped them.
      if (Number(name) !== pid)
        spent.set(Number(name), spent.get(Number(name))! + (Number(fields[13]) + Number(fields[14])) / TICKS);
    }
    const isBelow = (child: number): boolean => {
      for (let at = parents.get(child); at; at = parents.get(at)) if (at === pid) return true;
      return false;
    };
    let below = 0;
    for (const [child, seconds] of spent) if (isBelow(child)) below += seconds;
    return spent.has(pid) ? { own: spent.get(pid)!, below } : null;
  } catch {
    return null;
  }
}

/** CPU seconds that the whole machine has worked since it started; null where there is no /proc. */
function machineSeconds(): number | null {
  try {
    const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/);
    // user, nice, system, idle, iowait, irq, softirq, steal: all but the two that are rest.
    return [0, 1, 2, 5, 6, 7].reduce((sum, place) => sum + Number(ticks[place] ?? 0), 0) / TICKS;
  } catch {
    return null;
  }
}

/** CPU seconds of everything that isn't ours; the bench is the parent of all that is. */
export function othersSeconds(): number | null {
  const all = machineSeconds();
  const ours = cpuSeconds(process.pid);
  return all === null || ours === null ? null : all - ours.own - ours.below;
}

/** Cores that everything that isn't ours keeps busy just now; null where there is no /proc. */
export async function othersCores(): Promise<number | null> {
  const before = othersSeconds();
  await pause(LOOK_MS);
  const after = othersSeconds();
  return before === null || after === null ? null : ((after - before) * 1000) / LOOK_MS;
}

/** Resident memory of one process in MB; null where there is no /proc. */
export function residentMb(pid: number): number | null {
  try {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return line ? Number(line[1]) / 1024 : null;
  } catch {
    return null;
  }
}

/** Fields of /proc/<pid>/stat from the state on; the command before them may hold blanks and brackets. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
