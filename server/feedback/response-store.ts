/**
 * Recent answers on disk: lines in segments, an index in memory, both bounded. A segment takes an hour's answers or its
 * share of the bytes, and is deleted when all of it has expired. Nothing waits for the disk: an answer that a crash loses
 * only cannot be given feedback on.
 */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { listSegments, segmentBytes, segmentPath } from '../../core/feedback/segments.ts';
import { Turns } from '../../core/turns.ts';
import { readPart } from './read-part.ts';
import type { StoredResponse } from './stored-response.ts';
import { wholeLines } from './whole-lines.ts';

export interface ResponseLimits {
  readonly keepMs: number;
  /** On disk, at any time. */
  readonly totalBytes: number;
  readonly maxResponses: number;
}

interface Segment {
  readonly number: number;
  readonly hour: number;
  bytes: number;
  /** When the newest response in it was made. */
  newestMs: number;
}

interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  readonly createdMs: number;
}

const hourMs = 3_600_000;
/** Of all bytes: what making room costs at most. */
const segmentShare = 1 / 16;

export class ResponseStore {
  private readonly folder: string;
  private readonly limits: ResponseLimits;
  /** In order of arrival, which is almost that of creation. */
  private readonly places = new Map<string, Place>();
  /** The oldest first. */
  private segments: Segment[] = [];
  /** Of the last segment; null when the next response begins another. */
  private file: FileHandle | null = null;
  private lastNumber = 0;
  private readonly turns = new Turns();

  private constructor(folder: string, limits: ResponseLimits) {
    this.folder = folder;
    this.limits = limits;
  }

  static async open(folder: string, limits: ResponseLimits, nowMs: number): Promise<ResponseStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const store = new ResponseStore(folder, limits);
    for (const number of await listSegments(folder)) await store.index(number);
    await store.expire(nowMs);
    return store;
  }

  get numResponses(): number {
    return this.places.size;
  }

  /** Throws when the disk refuses it, or when it is larger than all that may be kept. */
  put(response: StoredResponse, nowMs: number): Promise<void> {
    return this.turns.run(async () => {
      const line = Buffer.from(`${JSON.stringify(response)}\n`);
      if (line.length > this.limits.totalBytes) throw new Error(`a response of ${line.length} bytes`);
      await this.makeRoom(line.length, nowMs);
      const segment = await this.segmentFor(line.length, nowMs);
      const offset = segment.bytes;
      await this.append(segment, line);
      this.remember(response, segment, { offset, bytes: line.length });
    });
  }

  /** Null when it was never stored, has expired, or belongs to another tenant. Sees every earlier put. */
  get(id: string, tenant: string, nowMs: number): Promise<StoredResponse | null> {
    return this.turns.run(async () => {
      const place = this.places.get(id);
      if (place === undefined || nowMs >= place.createdMs + this.limits.keepMs) return null;
      const path = segmentPath(this.folder, place.segment);
      const response = parse((await readPart(path, place.offset, place.bytes)) ?? '');
      return response?.id === id && response.tenant === tenant ? response : null;
    });
  }

  /** Deletes the segments of which all has expired. */
  expire(nowMs: number): Promise<void> {
    return this.turns.run(() => this.makeRoom(0, nowMs));
  }

  close(): Promise<void> {
    return this.turns.run(() => this.closeFile());
  }

  /** Drops what has expired, then the oldest until so many bytes more fit. */
  private async makeRoom(bytes: number, nowMs: number): Promise<void> {
    const { keepMs, totalBytes } = this.limits;
    for (const segment of this.segments.filter(({ newestMs }) => nowMs >= newestMs + keepMs)) {
      await this.drop(segment);
    }
    let total = this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    for (const oldest of [...this.segments]) {
      if (total + bytes <= totalBytes) return;
      await this.drop(oldest);
      total -= oldest.bytes;
    }
  }

  private async drop(segment: Segment): Promise<void> {
    if (segment === this.segments.at(-1)) await this.closeFile();
    await rm(segmentPath(this.folder, segment.number), { force: true });
    this.segments = this.segments.filter((other) => other !== segment);
    for (const [id, place] of this.places) if (place.segment === segment.number) this.places.delete(id);
  }

  private async segmentFor(bytes: number, nowMs: number): Promise<Segment> {
    const hour = Math.floor(nowMs / hourMs);
    const last = this.segments.at(-1);
    const room = this.limits.totalBytes * segmentShare - bytes;
    if (this.file !== null && last?.hour === hour && last.bytes <= Math.max(0, room)) return last;
    await this.closeFile();
    const number = this.lastNumber + 1;
    this.file = await open(segmentPath(this.folder, number), 'ax', 0o600);
    this.lastNumber = number;
    const segment = { number, hour, bytes: 0, newestMs: nowMs };
    this.segments.push(segment);
    return segment;
  }

  private async append(segment: Segment, line: Buffer): Promise<void> {
    const file = this.file!;
    try {
      await file.appendFile(line);
    } catch (error) {
      // Half a line may be there. A segment that cannot be cut back gets no more of them.
      await file.truncate(segment.bytes).catch(() => this.closeFile());
      throw error;
    }
    segment.bytes += line.length;
  }

  private async index(number: number): Promise<void> {
    const bytes = await segmentBytes(this.folder, number);
    const segment = { number, hour: -1, bytes, newestMs: Number.NEGATIVE_INFINITY };
    this.segments.push(segment);
    this.lastNumber = number;
    for await (const line of wholeLines(segmentPath(this.folder, number))) {
      const response = parse(line.text);
      if (response !== null) this.remember(response, segment, line);
    }
  }

  private remember(
    { id, createdMs }: StoredResponse,
    segment: Segment,
    { offset, bytes }: Pick<Place, 'offset' | 'bytes'>,
  ): void {
    segment.newestMs = Math.max(segment.newestMs, createdMs);
    this.places.delete(id);
    this.places.set(id, { segment: segment.number, offset, bytes, createdMs });
    if (this.places.size > this.limits.maxResponses) this.places.delete(this.places.keys().next().value!);
  }

  private async closeFile(): Promise<void> {
    const file = this.file;
    this.file = null;
    await file?.close();
  }
}

/** Null for a line that is damaged. */
function parse(line: string): StoredResponse | null {
  try {
    const response = JSON.parse(line) as StoredResponse;
    return typeof response.id === 'string' && typeof response.createdMs === 'number' ? response : null;
  } catch {
    return null;
  }
}
