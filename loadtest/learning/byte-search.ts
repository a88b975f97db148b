/** Which of many strings stand in the files of a folder, whatever kind of files these are. */
import type { Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Hit {
  readonly needle: string;
  readonly file: string;
}

const chunkBytes = 8 * 2 ** 20;
const minNeedleBytes = 4;

/** Reads each file once. Needles are at least four bytes long. Each pair of needle and file is reported once. */
export async function searchFolder(folder: string, needles: readonly string[]): Promise<Hit[]> {
  const index = new NeedleIndex(needles);
  const hits: Hit[] = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of entries.filter((entry) => entry.isFile()).map(pathOf)) {
    for (const needle of await searchFile(file, index))
      hits.push({ needle, file: file.slice(folder.length) });
  }
  return hits;
}

const pathOf = (entry: Dirent): string => join(entry.parentPath, entry.name);

/** Chunks overlap by what the longest needle could miss. A file that has just gone holds nothing. */
async function searchFile(path: string, index: NeedleIndex): Promise<Set<string>> {
  const found = new Set<string>();
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return found;
  try {
    const buffer = Buffer.alloc(chunkBytes + index.longest);
    let kept = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, kept, chunkBytes);
      if (bytesRead === 0) return found;
      const bytes = buffer.subarray(0, kept + bytesRead);
      index.collect(bytes, found);
      kept = Math.min(index.longest, bytes.length);
      buffer.copyWithin(0, bytes.length - kept, bytes.length);
    }
  } finally {
    await file.close();
  }
}

class NeedleIndex {
  readonly longest: number;
  private readonly byStart = new Map<number, { readonly bytes: Buffer; readonly needle: string }[]>();
  /** Whether any needle begins with these two bytes: nearly all places are dismissed by it. */
  private readonly pairs = new Uint8Array(65_536);

  constructor(needles: readonly string[]) {
    this.longest = Math.max(...needles.map((needle) => Buffer.byteLength(needle)));
    for (const needle of needles) {
      const bytes = Buffer.from(needle);
      if (bytes.length < minNeedleBytes) throw new Error(`"${needle}" is too short to search for`);
      const start = bytes.readUInt32LE(0);
      this.byStart.set(start, [...(this.byStart.get(start) ?? []), { bytes, needle }]);
      this.pairs[bytes.readUInt16LE(0)] = 1;
    }
  }

  collect(bytes: Buffer, found: Set<string>): void {
    for (let at = 0; at + minNeedleBytes <= bytes.length; at++) {
      if (this.pairs[bytes[at]! | (bytes[at + 1]! << 8)] === 0) continue;
      for (const candidate of this.byStart.get(bytes.readUInt32LE(at)) ?? []) {
        const end = at + candidate.bytes.length;
        if (bytes.subarray(at, end).equals(candidate.bytes)) found.add(candidate.needle);
      }
    }
  }
}
