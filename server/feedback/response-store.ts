/**
 * Recent answers on disk: lines in segments of an hour, an index in memory, both bounded. A segment is deleted when all
 * of it has expired. Nothing waits for the disk: an answer that a crash loses only cannot be given feedback on.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { StoredResponse } from './stored-response.ts';

export interface ResponseLimits {
  readonly keepMs: number;
  readonly totalBytes: number;
  readonly maxResponses: number;
}

interface Place {
  readonly hour: number;
  readonly offset: number;
  readonly bytes: number;
  readonly createdMs: number;
}

const hourMs = 3_600_000;
const pattern = /^(\d{1,9})\.jsonl$/;

export class ResponseStore {
  private readonly folder: string;
  private readonly limits: ResponseLimits;
  /** In order of arrival, which is almost that of creation. */
  private readonly places = new Map<string, Place>();
  private readonly sizes = new Map<number, number>();
  private current: { readonly hour: number; readonly file: FileHandle } | null = null;

  private constructor(folder: string, limits: ResponseLimits) {
    this.folder = folder;
    this.limits = limits;
  }

  static async open(folder: string, limits: ResponseLimits, nowMs: number): Promise<ResponseStore> {
    await mkdir(folder, { recursive: true });
    const store = new ResponseStore(folder, limits);
    const hours = (await readdir(folder)).flatMap((name) => {
      const match = pattern.exec(name);
      return match === null ? [] : [Number(match[1])];
    });
    for (const hour of hours.sort((a, b) => a - b)) await store.index(hour);
    await store.expire(nowMs);
    return store;
  }

  get numResponses(): number {
    return this.places.size;
  }

  async put(response: StoredResponse): Promise<void> {
    const hour = Math.floor(response.createdMs / hourMs);
    const { file } = await this.fileOf(hour);
    const line = Buffer.from(`${JSON.stringify(response)}\n`);
    const offset = this.sizes.get(hour) ?? 0;
    await file.write(line, 0, line.length, offset);
    this.sizes.set(hour, offset + line.length);
    this.remember(response, { hour, offset, bytes: line.length, createdMs: response.createdMs });
    await this.expire(response.createdMs);
  }

  /** Null when it was never stored, has expired, or belongs to another tenant. */
  async get(id: string, tenant: string, nowMs: number): Promise<StoredResponse | null> {
    const place = this.places.get(id);
    if (place === undefined || nowMs - place.createdMs > this.limits.keepMs) return null;
    const file = await open(this.path(place.hour), 'r');
    try {
      const { buffer } = await file.read(Buffer.alloc(place.bytes), 0, place.bytes, place.offset);
      const response = JSON.parse(buffer.toString()) as StoredResponse;
      return response.tenant === tenant ? response : null;
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.current?.file.close();
    this.current = null;
  }

  /** Forgets what is too old, then the oldest while there is too much. */
  async expire(nowMs: number): Promise<void> {
    const lastHour = Math.floor((nowMs - this.limits.keepMs) / hourMs) - 1;
    for (const hour of [...this.sizes.keys()].sort((a, b) => a - b)) {
      const total = [...this.sizes.values()].reduce((sum, size) => sum + size, 0);
      if (hour > lastHour && total <= this.limits.totalBytes) break;
      await this.drop(hour);
    }
    for (const id of this.places.keys()) {
      if (this.places.size <= this.limits.maxResponses) break;
      this.places.delete(id);
    }
  }

  private async drop(hour: number): Promise<void> {
    if (this.current?.hour === hour) await this.close();
    for (const [id, place] of this.places) if (place.hour === hour) this.places.delete(id);
    this.sizes.delete(hour);
    await rm(this.path(hour), { force: true });
  }

  private async fileOf(hour: number): Promise<{ readonly file: FileHandle }> {
    if (this.current?.hour !== hour) {
      await this.close();
      this.current = { hour, file: await open(this.path(hour), this.sizes.has(hour) ? 'r+' : 'w+') };
    }
    return this.current!;
  }

  private async index(hour: number): Promise<void> {
    let offset = 0;
    const lines = createInterface({
      input: createReadStream(this.path(hour)),
      crlfDelay: Number.POSITIVE_INFINITY,
    });
    for await (const line of lines) {
      const bytes = Buffer.byteLength(line) + 1;
      const response = parse(line);
      if (response === null) break;
      this.remember(response, { hour, offset, bytes, createdMs: response.createdMs });
      offset += bytes;
    }
    // A crash may have left half a line at the end.
    await truncate(this.path(hour), offset);
    this.sizes.set(hour, offset);
  }

  private remember({ id }: StoredResponse, place: Place): void {
    this.places.delete(id);
    this.places.set(id, place);
  }

  private path(hour: number): string {
    return join(this.folder, `${hour}.jsonl`);
  }
}

function parse(line: string): StoredResponse | null {
  try {
    return JSON.parse(line) as StoredResponse;
  } catch {
    return null;
  }
}
