/**
 * How many CPUs this process may keep busy: those it is scheduled on, and no more than the control groups around it
 * grant it time for. Node.js 20 knows of the first alone, and threads beyond the second are only held up by the kernel.
 * Linux, Documentation/admin-guide/cgroup-v2.rst, "cpu.max"; Documentation/scheduler/sched-bwc.rst for version 1.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

export interface GroupPlaces {
  /** Where the groups are mounted. */
  readonly root: string;
  /** What /proc/self/cgroup says. */
  readonly membership: string;
}

/** CPUs out of "150000 100000"; null for "max 100000", which is no limit, and for what is no such text. */
export function cpuMax(text: string): number | null {
  const [quota, period] = text.trim().split(/\s+/);
  return cpusOf(quota, period);
}

/** A negative quota is no limit. */
function cpusOf(quota: string | undefined, period: string | undefined): number | null {
  const cpus = Number(quota) / Number(period);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : null;
}

/** CPUs that the process's groups, and those that hold them, grant; null where nothing limits it. */
export function groupLimit({ root, membership }: GroupPlaces): number | null {
  const limits = membership.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    const folders = upwards(path);
    if (controllers === '') return folders.map((folder) => cpuMax(textAt(join(root, folder, 'cpu.max'))));
    if (!controllers.split(',').includes('cpu')) return [];
    return folders.map(
      (folder) => quotaIn(join(root, controllers, folder)) ?? quotaIn(join(root, 'cpu', folder)),
    );
  });
  const known = limits.filter((limit) => limit !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function quotaIn(folder: string): number | null {
  return cpusOf(textAt(join(folder, 'cpu.cfs_quota_us')), textAt(join(folder, 'cpu.cfs_period_us')));
}

/** "/a/b" → "/a/b", "/a", "/": inside a container the group's own path is often that of the host, and only the last is there. */
function upwards(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return [...parts.keys(), parts.length].reverse().map((length) => `/${parts.slice(0, length).join('/')}`);
}

function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Another system, the other version of groups, or no limit at this level.
    return '';
  }
}

let known: number | null = null;

/** At least one; of a fraction, what it holds whole. Read once: limits that are changed later need a restart. */
export function usableCpus(): number {
  if (known !== null) return known;
  const limit = groupLimit({ root: '/sys/fs/cgroup', membership: textAt('/proc/self/cgroup') });
  known = Math.max(1, Math.min(availableParallelism(), Math.floor(limit ?? Number.POSITIVE_INFINITY)));
  return known;
}
