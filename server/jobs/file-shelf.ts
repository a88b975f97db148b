/**
 * Uploaded files on disk: `<id>.jsonl` and what is known of it in `<id>.json`, which is written last and removed first.
 * The server alone writes here; the trainer reads. Bounded per tenant in number and bytes.
 */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isFileId } from '../../core/jobs/ids.ts';
import { trainingFilePath } from '../../core/jobs/training-file.ts';
import { replaceFile } from '../../core/replace-file.ts';
import { fieldsOf, isCount, isNumber, isText, oneOf, recordOf } from '../../core/shape.ts';
import type { CheckedFile } from './check-file.ts';

export interface StoredFile extends Omit<CheckedFile, 'content'> {
  readonly id: string;
  readonly tenant: string;
  /** As the client named it, redacted. */
  readonly filename: string;
  readonly bytes: number;
  /** Milliseconds since 1970; no two files have the same. */
  readonly createdMs: number;
}

const isStored = fieldsOf({
  id: isText,
  tenant: isText,
  filename: isText,
  bytes: isCount,
  createdMs: isNumber,
  kind: oneOf('chat', 'preference'),
  numRows: isCount,
  redactions: recordOf(isCount),
});

const describedIn = /^(.+)\.json$/;

export class FileShelf {
  private readonly folder: string;
  /** By tenant, then by id, in the order in which they came. */
  private readonly files = new Map<string, Map<string, StoredFile>>();
  private lastMs = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(folder: string): Promise<FileShelf> {
    await mkdir(folder, { recursive: true });
    const shelf = new FileShelf(folder);
    await shelf.load();
    return shelf;
  }

  /** Of a tenant, oldest first. */
  list(tenant: string): StoredFile[] {
    return [...(this.files.get(tenant)?.values() ?? [])];
  }

  get(tenant: string, id: string): StoredFile | null {
    return this.files.get(tenant)?.get(id) ?? null;
  }

  /** A time for the next file: now, or just behind the last one. */
  stamp(nowMs: number): number {
    this.lastMs = Math.max(nowMs, this.lastMs + 1);
    return this.lastMs;
  }

  async add(file: StoredFile, content: Uint8Array): Promise<void> {
    await replaceFile(trainingFilePath(this.folder, file.id), content);
    await replaceFile(this.descriptionPath(file.id), JSON.stringify(file));
    this.remember(file);
  }

  read({ id }: StoredFile): Readable {
    return createReadStream(trainingFilePath(this.folder, id));
  }

  async remove({ tenant, id }: StoredFile): Promise<void> {
    this.files.get(tenant)?.delete(id);
    await rm(this.descriptionPath(id), { force: true });
    await rm(trainingFilePath(this.folder, id), { force: true });
  }

  private descriptionPath(id: string): string {
    return join(this.folder, `${id}.json`);
  }

  /** Null for what a damaged disk has made of it: it stays where it is, and nobody finds it. */
  private async described(id: string): Promise<StoredFile | null> {
    try {
      const json: unknown = JSON.parse(await readFile(this.descriptionPath(id), 'utf8'));
      return isStored(json) && (json as StoredFile).id === id ? (json as StoredFile) : null;
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      throw error;
    }
  }

  private remember(file: StoredFile): void {
    const own = this.files.get(file.tenant) ?? new Map<string, StoredFile>();
    this.files.set(file.tenant, own.set(file.id, file));
  }

  /** What is not described was never acknowledged, or was deleted: a crash left it. */
  private async load(): Promise<void> {
    const names = await readdir(this.folder);
    const ids = new Set(names.map((name) => describedIn.exec(name)?.[1] ?? '').filter(isFileId));
    for (const name of names) {
      if (!ids.has(name.replace(/\.jsonl?$/, ''))) await rm(join(this.folder, name), { force: true });
    }
    const files = await Promise.all([...ids].map((id) => this.described(id)));
    const found = files.filter((file) => file !== null);
    for (const file of found.sort((a, b) => a.createdMs - b.createdMs)) {
      this.remember(file);
      this.lastMs = file.createdMs;
    }
  }
}
