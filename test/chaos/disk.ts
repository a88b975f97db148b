/**
 * A learning folder of its own small file system, so that it can be full, and read-only for whoever opens a file. Needs
 * root and `mount`; without them it says why.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const megabytes = 64;
const ballastFile = '.ballast';

function run(command: string, ...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (error !== undefined) return error.message;
  return status === 0 ? null : stderr.trim() || `${command} ended with ${status}`;
}

/** Null where file systems can be mounted; else the reason. */
export function mountProblem(): string | null {
  if (process.getuid?.() !== 0) return 'only root mounts file systems';
  const folder = mkdtempSync(join(tmpdir(), 'millrace-mount-'));
  const problem = run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder);
  if (problem === null) run('umount', folder);
  rmSync(folder, { recursive: true, force: true });
  return problem;
}

/** One folder. `isMounted` says whether its disk can be filled and made read-only. */
export class Disk {
  readonly folder: string;
  readonly isMounted: boolean;
  private readonly readOnly = new Set<string>();

  constructor(folder: string, isMounted: boolean) {
    this.folder = folder;
    this.isMounted = isMounted;
    mkdirSync(folder, { recursive: true });
    if (!isMounted) return;
    const problem = run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder);
    if (problem !== null) throw new Error(`no file system for ${folder}: ${problem}`);
  }

  /** To the last byte. */
  fill(): void {
    const file = openSync(join(this.folder, ballastFile), 'a');
    try {
      for (let bytes = 2 ** 20; bytes >= 1; ) {
        try {
          // What is written in part counts, too.
          writeSync(file, Buffer.alloc(bytes));
        } catch {
          bytes = Math.floor(bytes / 4);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(join(this.folder, ballastFile), { force: true });
  }

  /** Files of `part` that are opened from now on cannot be written; those that are open still can. */
  freeze(part: string): void {
    const folder = join(this.folder, part);
    mkdirSync(folder, { recursive: true });
    if (this.readOnly.has(folder)) return;
    const problem = run('mount', '-o', 'bind,ro', folder, folder);
    if (problem !== null) throw new Error(`${folder} cannot be made read-only: ${problem}`);
    this.readOnly.add(folder);
  }

  thaw(): void {
    for (const folder of this.readOnly) run('umount', '-l', folder);
    this.readOnly.clear();
  }

  close(): void {
    this.thaw();
    if (this.isMounted) run('umount', '-l', this.folder);
  }
}
