/** The lines of a file and where they lie, counted in bytes: what a decoder makes of damage must not move what follows. */
import { createReadStream } from 'node:fs';

export interface Line {
  readonly text: string;
  readonly offset: number;
  /** With the line's end. */
  readonly bytes: number;
}

const lineEnd = 10;

/** Without a last line that has no end: a crash left it half written. */
export async function* wholeLines(path: string): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let offset = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
    const bytes = chunk as Buffer;
    let start = 0;
    for (let end = bytes.indexOf(lineEnd); end >= 0; end = bytes.indexOf(lineEnd, start)) {
      const line = Buffer.concat([...parts, bytes.subarray(start, end)]);
      yield { text: line.toString(), offset, bytes: line.length + 1 };
      offset += line.length + 1;
      parts = [];
      start = end + 1;
    }
    if (start < bytes.length) parts.push(bytes.subarray(start));
  }
}
