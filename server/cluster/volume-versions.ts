/** Versions in a folder that all replicas share: there is nothing to fetch, only to wait until the folder shows them. */
import { MillraceError } from '../../core/errors.ts';
import { locate, type VersionFolders } from './version-folders.ts';
import { nameOf, type VersionRef } from './version-ref.ts';
import type { VersionSource } from './version-source.ts';

export interface VolumeVersionsOptions {
  readonly folders: VersionFolders;
  /** A shared folder shows what another machine has written some seconds later. */
  readonly maxWaitMs: number;
}

const pollMs = 100;

export class VolumeVersions implements VersionSource {
  private readonly options: VolumeVersionsOptions;
  private readonly closing = new AbortController();

  constructor(options: VolumeVersionsOptions) {
    this.options = options;
  }

  async ensure(ref: VersionRef): Promise<void> {
    const { folders, maxWaitMs } = this.options;
    const untilMs = performance.now() + maxWaitMs;
    for (;;) {
      this.closing.signal.throwIfAborted();
      try {
        await locateAll(folders, ref);
        return;
      } catch (error) {
        if (performance.now() >= untilMs) throw late(ref, maxWaitMs, error);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the replica is stopping'));
  }
}

/** With what it was built on. */
async function locateAll(folders: VersionFolders, ref: VersionRef): Promise<void> {
  for (let next: VersionRef | null = ref; next !== null; ) {
    const { manifest } = await locate(folders, next);
    const parent: string | null = 'parent' in manifest ? manifest.parent : null;
    next = parent === null ? null : { kind: 'adapter', id: parent };
  }
}

function late(ref: VersionRef, maxWaitMs: number, cause: unknown): MillraceError {
  const reason = `the shared folder has not shown it within ${maxWaitMs} ms`;
  return new MillraceError('version_fetch_failed', { version: nameOf(ref), reason }, { cause });
}
