/** A process and its descendants: their ids and memory, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** The process first. Those that ended while we looked are missing. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    const parent = Number(fieldOf(Number(name), 'PPid'));
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Resident memory of each process of the tree, in MB (10^6 bytes). */
export function residentMb(root: number): Record<string, number> {
  return Object.fromEntries(processTree(root).map((pid) => [pid, memoryMb(pid, 'VmRSS')]));
}

/** Sum of the peak resident sizes of a process and its descendants, in MB (10^6 bytes). */
export const peakMemoryMb = (root: number): number =>
  processTree(root).reduce((total, pid) => total + memoryMb(pid, 'VmHWM'), 0);

const memoryMb = (pid: number, name: 'VmRSS' | 'VmHWM'): number =>
  (Number(fieldOf(pid, name).split(' ')[0]) * 1024) / 1e6;

/** "0" where the process has just ended. */
function fieldOf(pid: number, name: string): string {
  try {
    const line = readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .find((each) => each.startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim() ?? '0';
  } catch {
    return '0';
  }
}
