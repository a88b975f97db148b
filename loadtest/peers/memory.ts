/** Peak memory of a process tree, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Sum of the peak resident sizes of a process and its descendants, in MB (10^6 bytes). */
export function peakMemoryMb(root: number): number {
  const tree = new Set([root]);
  const parents = listParents();
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const [pid, parent] of parents) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree].reduce((total, pid) => total + peakOf(pid), 0);
}

function listParents(): [number, number][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(field(Number(name), 'PPid'))]);
}

const peakOf = (pid: number): number => (Number(field(pid, 'VmHWM').split(' ')[0]) * 1024) / 1e6;

/** A field of /proc/<pid>/status; "0" where the process has just ended or has no such field. */
function field(pid: number, name: string): string {
  try {
    const line = readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .find((each) => each.startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim() ?? '0';
  } catch {
    return '0';
  }
}
