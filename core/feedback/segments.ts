/** The files of a log: numbered segments of lines, of which only the last one grows. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A place in the log: the byte behind what was read. Segments count from 1. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

export const logStart: Position = { segment: 1, offset: 0 };

const pattern = /^(\d{8})\.jsonl$/;

export const segmentPath = (folder: string, segment: number): string =>
  join(folder, `${String(segment).padStart(8, '0')}.jsonl`);

/** Numbers of the segments there are, ascending. */
export async function listSegments(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const match = pattern.exec(name);
      return match === null ? [] : [Number(match[1])];
    })
    .sort((a, b) => a - b);
}

export async function segmentBytes(folder: string, segment: number): Promise<number> {
  return (await stat(segmentPath(folder, segment))).size;
}
