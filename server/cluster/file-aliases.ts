/** The aliases of a single server, in its file. Only one process replaces them; others may read. */
import { stat } from 'node:fs/promises';
import { type Aliases, readAliases, writeAliases } from '../../core/registry/aliases.ts';
import { Turns } from '../../core/turns.ts';
import { AliasesWatch } from './aliases-watch.ts';
import { aliasesText } from './check-aliases.ts';
import type { AliasesListener, Replaced, Replacing, SharedAliases } from './shared-aliases.ts';

export interface FileAliasesOptions {
  readonly path: string;
  /** The latest token of the leader's lock, see latestFence. */
  readonly latestFence: () => Promise<number>;
}

export class FileAliases implements SharedAliases {
  private readonly options: FileAliasesOptions;
  private readonly turns = new Turns();
  private readonly watch: AliasesWatch;
  /** Which file was read last, and its revision: an unchanged one is not read again. */
  private known: { readonly file: string; readonly revision: number } | null = null;

  constructor(options: FileAliasesOptions) {
    this.options = options;
    this.watch = new AliasesWatch({ revision: () => this.revision(), read: () => this.read() });
  }

  async read(): Promise<Aliases | null> {
    return (await this.fileId()) === null ? null : readAliases(this.options.path);
  }

  async replace(next: Aliases, replacing: Replacing): Promise<Replaced> {
    aliasesText(next, replacing);
    return this.turns.run(async () => {
      const { expectedRevision, fence } = replacing;
      if (fence !== null && fence < (await this.options.latestFence())) return { result: 'fenced' };
      const current = await this.read();
      if ((current?.revision ?? 0) !== expectedRevision) return { result: 'conflict', current };
      await writeAliases(this.options.path, next);
      this.watch.hint();
      return { result: 'done' };
    });
  }

  onChange(listener: AliasesListener): () => void {
    return this.watch.add(listener);
  }

  close(): Promise<void> {
    return this.watch.close();
  }

  private async revision(): Promise<number | null> {
    const file = await this.fileId();
    if (file === null) return null;
    if (this.known?.file !== file) {
      this.known = { file, revision: (await readAliases(this.options.path)).revision };
    }
    return this.known.revision;
  }

  /** A file is replaced by another one, never changed. */
  private async fileId(): Promise<string | null> {
    try {
      const { ino, mtimeNs } = await stat(this.options.path, { bigint: true });
      return `${ino}@${mtimeNs}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }
}
