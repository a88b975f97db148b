/**
 * The log of changes that a memory store is read from. It is written anew beside itself, as another generation, and a
 * file with one name says which generation counts: a crash leaves the old one or the new one, whole.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readAll } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import { remembered } from '../../core/feedback/parse-record.ts';
import { readIfThere } from '../../core/read-if-there.ts';
import { replaceFile } from '../../core/replace-file.ts';
import { fieldsOf, isCount, isText, listOf, maybe, type Shape } from '../../core/shape.ts';
import { sync } from '../../core/sync.ts';
import type { StoredEncoding, StoredEntry } from './entry.ts';

export type Change =
  /** Entries that leave for it go in the same line: both happen or neither. */
  | { readonly type: 'put'; readonly entry: StoredEntry; readonly leaving: readonly string[] }
  | { readonly type: 'delete'; readonly tenant: string; readonly ids: readonly string[] }
  /** The same entry for another encoder. */
  | { readonly type: 'encoded'; readonly tenant: string; readonly id: string; readonly by: StoredEncoding }
  /** How many changes a tenant has seen. */
  | { readonly type: 'revision'; readonly tenant: string; readonly count: number };

const isVector = (value: unknown): boolean =>
  typeof value === 'string' && Buffer.from(value, 'base64').length % 4 === 0;

const encoding = { vector: isVector, contextVector: maybe(isVector), encoder: maybe(isText) };

const isEntry = fieldsOf({ ...remembered, ...encoding });

const shapes: Readonly<Record<Change['type'], Shape>> = {
  put: fieldsOf({ entry: isEntry, leaving: listOf(isText) }),
  delete: fieldsOf({ tenant: isText, ids: listOf(isText) }),
  encoded: fieldsOf({ tenant: isText, id: isText, by: fieldsOf(encoding) }),
  revision: fieldsOf({ tenant: isText, count: isCount }),
};

/** Null for a line that a damaged disk has made another. */
function parseChange(json: unknown): Change | null {
  const { type } = Object(json) as { readonly type?: unknown };
  const isKnown = typeof type === 'string' && Object.hasOwn(shapes, type);
  return isKnown && shapes[type as Change['type']](json) ? (json as Change) : null;
}

const limits = { segmentBytes: 64 * 2 ** 20, totalBytes: Number.POSITIVE_INFINITY, maxPending: 1_024 };
/** Lines that are made at once when the log is written anew: the event loop goes on in between. */
const batchLines = 64;
const first = '00000001';
const generationName = /^\d{8}$/;

export class MemoryLog {
  private readonly folder: string;
  private generation: string;
  private writer: LogWriter;

  private constructor(folder: string, generation: string, writer: LogWriter) {
    this.folder = folder;
    this.generation = generation;
    this.writer = writer;
  }

  /** Gives every change that it holds to `apply`, in order. */
  static async open(folder: string, apply: (change: Change) => void): Promise<MemoryLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const generation = await currentGeneration(folder);
    await dropOthers(folder, generation);
    const writer = await LogWriter.open(join(folder, generation), limits);
    const log = new MemoryLog(folder, generation, writer);
    try {
      await log.replay(apply);
      return log;
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /** The change is durable when it returns. */
  async append(change: Change): Promise<void> {
    await this.writer.append(change);
  }

  /** Holds these changes and nothing else when it returns. On failure it is as it was. */
  async rewrite(changes: Iterable<Change>): Promise<void> {
    const next = String(Number(this.generation) + 1).padStart(8, '0');
    const folder = join(this.folder, next);
    await rm(folder, { recursive: true, force: true });
    const writer = await LogWriter.open(folder, limits);
    try {
      await appendAll(writer, changes);
      await sync(folder);
      await sync(this.folder);
      await replaceFile(pointerOf(this.folder), next);
    } catch (error) {
      // The file may have its new content and only not be known to be durable: then this is the log from now on.
      if ((await currentGeneration(this.folder)) !== next) {
        await writer.close();
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
    const old = this.writer;
    [this.writer, this.generation] = [writer, next];
    await old.close();
    await sync(this.folder);
    await dropOthers(this.folder, next);
  }

  async close(): Promise<void> {
    await this.writer.close();
  }

  private async replay(apply: (change: Change) => void): Promise<void> {
    const folder = join(this.folder, this.generation);
    for await (const { record } of readAll(folder, parseChange)) apply(record);
  }
}

async function appendAll(writer: LogWriter, changes: Iterable<Change>): Promise<void> {
  let batch: Promise<unknown>[] = [];
  for (const change of changes) {
    batch.push(writer.append(change));
    if (batch.length < batchLines) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}

const pointerOf = (folder: string): string => join(folder, 'generation');

async function currentGeneration(folder: string): Promise<string> {
  const name = (await readIfThere(pointerOf(folder))) ?? first;
  if (!generationName.test(name)) throw new Error(`${pointerOf(folder)} names no generation`);
  return name;
}

async function dropOthers(folder: string, generation: string): Promise<void> {
  const others = (await readdir(folder)).filter((name) => generationName.test(name) && name !== generation);
  for (const name of others) await rm(join(folder, name), { recursive: true, force: true });
}
