/** The processes below a member, by what they do, from Linux's /proc; and those that should be gone and are not. */
import { readFileSync } from 'node:fs';
import { identityOf, isRunning } from '../../core/process-identity.ts';
import { processTree } from '../../loadtest/processes.ts';

const roles = {
  engine: /models\/engine-host\.js/,
  encoder: /models\/batch-host\.js/,
  trainer: /trainer\/main\.js/,
} as const;

export type Role = keyof typeof roles;

/** The latest of that role: while a base is moved there may be two. Null where there is none at the moment. */
export function childOf(root: number, role: Role): number | null {
  return processTree(root).findLast((pid) => roles[role].test(commandOf(pid))) ?? null;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function isStopped(pid: number): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line[line.lastIndexOf(')') + 2] === 'T';
  } catch {
    return false;
  }
}

interface Mourned {
  readonly identity: string;
  readonly pid: number;
  readonly what: string;
  sinceMs: number;
}

const pollMs = 50;

/** Watches that what a member leaves behind ends soon. A process that is stopped cannot: its time begins when it goes on. */
export class Orphans {
  /** Those that outlived their time, each with a sentence. */
  readonly found: string[] = [];
  private readonly limitMs: number;
  private waited: Mourned[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
    this.timer = setInterval(() => this.look(), pollMs);
    this.timer.unref();
  }

  /** The process and all below it are about to end. */
  expect(root: number): void {
    const sinceMs = performance.now();
    for (const pid of processTree(root)) {
      const what = commandOf(pid).slice(0, 200);
      this.waited.push({ identity: identityOf(pid), pid, what, sinceMs });
    }
  }

  /** Those that are still there. */
  get left(): number {
    return this.waited.length;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const nowMs = performance.now();
    this.waited = this.waited.filter((each) => {
      if (!isRunning(each.identity)) return false;
      if (isStopped(each.pid)) each.sinceMs = nowMs;
      if (nowMs - each.sinceMs < this.limitMs) return true;
      this.found.push(`process ${each.pid} outlived its server by ${this.limitMs} ms: ${each.what}`);
      return false;
    });
  }
}
