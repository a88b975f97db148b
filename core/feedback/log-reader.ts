/** Reads a log that may be growing, from a position on, whole lines only. */
import { open } from 'node:fs/promises';
import { listSegments, type Position, segmentBytes, segmentPath } from './segments.ts';

export interface Read<T> {
  readonly record: T;
  /** Behind the record: where to go on after it. */
  readonly position: Position;
}

const maxReadBytes = 4 * 2 ** 20;

/**
 * The next records, at most some megabytes of them; none when all was read. A segment that was deleted meanwhile is
 * skipped. `parse` turns a line's JSON into a record, and null leaves the line out.
 */
export async function readLog<T>(
  folder: string,
  from: Position,
  parse: (json: unknown) => T | null,
): Promise<{ records: Read<T>[]; position: Position }> {
  let position = from;
  for (const segment of await listSegments(folder)) {
    if (segment < position.segment) continue;
    if (segment > position.segment) position = { segment, offset: 0 };
    if ((await segmentBytes(folder, segment)) <= position.offset) continue;
    const read = await readSegment(folder, position, parse);
    position = read.position;
    if (read.records.length > 0) return { records: read.records, position };
  }
  return { records: [], position };
}

async function readSegment<T>(
  folder: string,
  { segment, offset }: Position,
  parse: (json: unknown) => T | null,
): Promise<{ records: Read<T>[]; position: Position }> {
  const bytes = await readBytes(segmentPath(folder, segment), offset);
  const records: Read<T>[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
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

/** At least one whole line, where there is one. */
async function readBytes(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    for (let size = maxReadBytes; ; size *= 4) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, offset);
      const bytes = buffer.subarray(0, bytesRead);
      if (bytesRead < size || bytes.includes(10)) return bytes;
    }
  } finally {
    await file.close();
  }
}
