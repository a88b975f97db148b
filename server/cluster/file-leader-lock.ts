/**
 * The leader's lock in a folder: one file per term, "term-<n>", of which the highest counts. A file comes into being whole
 * and once, so that of two processes that want the next term one gets it. A term ends with its time to live, or with its process.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { identityOf, isRunning } from '../../core/process-identity.ts';
import { readIfThere } from '../../core/read-if-there.ts';
import { replaceFile } from '../../core/replace-file.ts';
import { sync } from '../../core/sync.ts';
import type { Leader, LeaderLock } from './leader-lock.ts';

export interface FileLeaderLockOptions {
  readonly folder: string;
  /** Unique to this process. */
  readonly holder: string;
  readonly ttlMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Term extends Leader {
  /** Where the holder runs: the process' end is seen on its own machine only. */
  readonly host: string;
  readonly process: string;
  /** Milliseconds since 1970; 0 when it was given up. */
  readonly endsMs: number;
}

interface NumberedTerm extends Term {
  readonly number: number;
}

/** Terms before the present one that are left for who reads them just now. */
const keptTerms = 2;

export class FileLeaderLock implements LeaderLock {
  private readonly options: FileLeaderLockOptions;

  constructor(options: FileLeaderLockOptions) {
    this.options = options;
  }

  async acquire(): Promise<number | null> {
    const { folder, holder, ttlMs, now } = this.options;
    await mkdir(folder, { recursive: true });
    const last = await lastTerm(folder);
    if (last !== null && last.holder !== holder && this.isAlive(last)) return null;
    const number = (last?.number ?? 0) + 1;
    // At least the time, so that it is larger than those before also when the folder was lost.
    const fence = Math.max((last?.fence ?? 0) + 1, now());
    const term = { holder, fence, host: hostname(), process: identityOf(process.pid), endsMs: now() + ttlMs };
    if (!(await createTerm(folder, number, term))) return null;
    // Who renewed just as the term ended has it; one of the two sees the other.
    const before = last === null || last.holder === holder ? null : await readTerm(folder, last.number);
    if (before !== null && this.isAlive(before)) {
      await this.write(number, { ...term, endsMs: 0 });
      return null;
    }
    await forgetBefore(folder, number - keptTerms);
    return fence;
  }

  async renew(fence: number): Promise<boolean> {
    const { folder, ttlMs, now } = this.options;
    const mine = await this.mine(fence);
    if (mine === null) return false;
    const { number, ...term } = mine;
    await this.write(number, { ...term, endsMs: now() + ttlMs });
    return (await lastTerm(folder))?.number === number;
  }

  async release(fence: number): Promise<void> {
    const mine = await this.mine(fence);
    if (mine === null) return;
    const { number, ...term } = mine;
    await this.write(number, { ...term, endsMs: 0 });
  }

  async leader(): Promise<Leader | null> {
    const last = await lastTerm(this.options.folder);
    if (last === null || !this.isAlive(last)) return null;
    return { holder: last.holder, fence: last.fence };
  }

  private async mine(fence: number): Promise<NumberedTerm | null> {
    const last = await lastTerm(this.options.folder);
    const isMine = last?.fence === fence && last.holder === this.options.holder;
    return isMine && this.isAlive(last) ? last : null;
  }

  private isAlive({ endsMs, host, process }: Term): boolean {
    return endsMs > this.options.now() && (host !== hostname() || isRunning(process));
  }

  private async write(number: number, term: Term): Promise<void> {
    await replaceFile(join(this.options.folder, nameOf(number)), JSON.stringify(term));
  }
}

/** The latest token that a lock in this folder has given; 0 when there was none. */
export async function latestFence(folder: string): Promise<number> {
  return (await lastTerm(folder))?.fence ?? 0;
}

const nameOf = (number: number): string => `term-${number}`;

async function numbersIn(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => /^term-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}

async function lastTerm(folder: string): Promise<NumberedTerm | null> {
  const numbers = await numbersIn(folder);
  const number = Math.max(0, ...numbers);
  const term = number === 0 ? null : await readTerm(folder, number);
  return term === null ? null : { ...term, number };
}

async function readTerm(folder: string, number: number): Promise<Term | null> {
  const text = await readIfThere(join(folder, nameOf(number)));
  return text === null ? null : (JSON.parse(text) as Term);
}

/** False when there is one already. */
async function createTerm(folder: string, number: number, term: Term): Promise<boolean> {
  const aside = join(folder, `${nameOf(number)}.${randomUUID()}`);
  await writeFile(aside, JSON.stringify(term), { flush: true });
  try {
    await link(aside, join(folder, nameOf(number)));
    await sync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function forgetBefore(folder: string, number: number): Promise<void> {
  const old = (await numbersIn(folder)).filter((each) => each < number);
  for (const each of old) await rm(join(folder, nameOf(each)), { force: true });
}
