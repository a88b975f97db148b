/** A wall clock that can be moved while processes run, by libfaketime (Debian's package "faketime"). Monotonic time goes on. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const libraries = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
];

/** Null where clocks can be moved; else the reason. */
export const clockProblem = (): string | null =>
  libraries.some((path) => existsSync(path)) ? null : 'libfaketime is not installed';

export class ClockShift {
  private readonly file: string;
  private shiftMs = 0;

  constructor(folder: string) {
    this.file = join(folder, 'clock');
    this.write();
  }

  /** Variables that a process is started with, whose clock is moved; its children inherit them. */
  get env(): Readonly<Record<string, string>> {
    const library = libraries.find((path) => existsSync(path));
    if (library === undefined) return {};
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // Waits of threads are on clocks that stay as they are.
      FAKETIME_DONT_RESET: '1',
    };
  }

  jump(ms: number): void {
    this.shiftMs += ms;
    this.write();
  }

  private write(): void {
    writeFileSync(this.file, `${this.shiftMs < 0 ? '-' : '+'}${Math.abs(this.shiftMs) / 1_000}s\n`);
  }
}
