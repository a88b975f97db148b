/** Reads a log that may be growing, from a position on, whole lines only. */
import { type FileHandle, open } from 'node:fs/promises';
import { listSegments, logStart, type Position, segmentPath } from './segments.ts';

export interface Read<T> {
  readonly record: T;
  /** Behind the record: where to go on after it. */
  readonly position: Position;
}

const firstReadBytes = 256 * 2 ** 10;
/** A line that is longer is damage, and is left out: nothing of ours writes one. */
const maxLineBytes = 64 * 2 ** 20;
const newline = 10;

/**
 * The next records, some hundred kilobytes of them; none when all was read. A segment that was deleted meanwhile is
 * skipped. `parse` turns a line's JSON into a record, and null leaves the line out. A position behind the end of the last
 * segment, or that is not the beginning of a line, is that of lines which the machine has lost: it counts as the segment's
 * beginning.
 */
export async function readLog<T>(
  folder: string,
  from: Position,
  parse: (json: unknown) => T | null,
): Promise<{ records: Read<T>[]; position: Position }> {
  let position = from;
  const segments = await listSegments(folder);
  for (const segment of segments) {
    if (segment < position.segment) continue;
    if (segment > position.segment) position = { segment, offset: 0 };
    const isLast = segment === segments.at(-1);
    const read = await readSegment(folder, position, { parse, isLast });
    position = read.position;
    if (read.records.length > 0) return { records: read.records, position };
  }
  return { records: [], position };
}

async function readSegment<T>(
  folder: string,
  from: Position,
  { parse, isLast }: { readonly parse: (json: unknown) => T | null; readonly isLast: boolean },
): Promise<{ records: Read<T>[]; position: Position }> {
  const nothing = { records: [], position: from };
  const file = await openSegment(folder, from.segment);
  if (file === null) return nothing;
  try {
    const { segment } = from;
    const { size } = await file.stat();
    // Most looks find nothing new: those cost no buffer. What was taken back behind it has come again in the next segment.
    if (size === from.offset || (size < from.offset && !isLast)) return nothing;
    for (let offset = await lineStart(file, from.offset); ; ) {
      const bytes = await readLines(file, offset);
      if (bytes === null) {
        const next = await behindLine(file, offset + maxLineBytes);
        if (next === null) return { records: [], position: { segment, offset } };
        offset = next;
        continue;
      }
      const read = recordsIn(bytes, { segment, offset }, parse);
      // Lines that are all left out must not look like the end.
      if (read.records.length > 0 || read.position.offset === offset) return read;
      offset = read.position.offset;
    }
  } finally {
    await file.close();
  }
}

async function openSegment(folder: string, segment: number): Promise<FileHandle | null> {
  return open(segmentPath(folder, segment), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

async function lineStart(file: FileHandle, offset: number): Promise<number> {
  if (offset === 0) return 0;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, offset - 1);
  return bytesRead === 1 && buffer[0] === newline ? offset : 0;
}

function recordsIn<T>(
  bytes: Buffer,
  { segment, offset }: Position,
  parse: (json: unknown) => T | null,
): { records: Read<T>[]; position: Position } {
  const records: Read<T>[] = [];
  let start = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    const line = bytes.toString('utf8', start, end);
    start = end + 1;
    const record = parseLine(line, parse);
    if (record !== null) records.push({ record, position: { segment, offset: offset + start } });
  }
  return { records, position: { segment, offset: offset + start } };
}

function parseLine<T>(line: string, parse: (json: unknown) => T | null): T | null {
  try {
    return parse(JSON.parse(line));
  } catch {
    // Damage on the disk costs the line, not the log.
    return null;
  }
}

/** At least one whole line, where there is one; null where the line is longer than any may be. */
async function readLines(file: FileHandle, offset: number): Promise<Buffer | null> {
  for (let size = firstReadBytes; size <= maxLineBytes; size *= 4) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, offset);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytesRead < size || bytes.includes(newline)) return bytes;
  }
  return null;
}

/** Where the line after this one begins; null while it has no end. */
async function behindLine(file: FileHandle, offset: number): Promise<number | null> {
  const piece = Buffer.allocUnsafe(firstReadBytes);
  for (let at = offset; ; at += piece.length) {
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    const end = piece.subarray(0, bytesRead).indexOf(newline);
    if (end >= 0) return at + end + 1;
    if (bytesRead < piece.length) return null;
  }
}

/** Every record from a position to the end, as `readLog` finds them. */
export async function* readAll<T>(
  folder: string,
  parse: (json: unknown) => T | null,
  from: Position = logStart,
): AsyncGenerator<Read<T>> {
  for (let position = from; ; ) {
    const read = await readLog(folder, position, parse);
    if (read.records.length === 0) return;
    yield* read.records;
    position = read.position;
  }
}
