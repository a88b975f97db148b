/**
 * Where the trainer stands, on disk: a file for each tenant's line and one for the place in the feedback log, each
 * replaced whole. Lines are written before the place, so that a record is at worst taken in twice, which changes nothing.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPosition } from '../../core/feedback/read-position.ts';
import type { Position } from '../../core/feedback/segments.ts';
import { replaceFile } from '../../core/replace-file.ts';
import { type Line, newLine } from './line.ts';

const ending = '.line.json';
const positionFile = 'position.json';

export class LineStore {
  private readonly folder: string;
  private readonly lines: Map<string, Line>;
  position: Position;

  private constructor(folder: string, lines: Map<string, Line>, position: Position) {
    this.folder = folder;
    this.lines = lines;
    this.position = position;
  }

  static async open(folder: string): Promise<LineStore> {
    await mkdir(folder, { recursive: true });
    const lines = new Map<string, Line>();
    for (const name of await readdir(folder)) {
      if (!name.endsWith(ending)) continue;
      const text = await readFile(join(folder, name), 'utf8');
      lines.set(name.slice(0, -ending.length), { ...newLine, ...(JSON.parse(text) as Line) });
    }
    // Read from the start, rows that are known change nothing.
    const position = await readPosition(join(folder, positionFile), () => {});
    return new LineStore(folder, lines, position);
  }

  get(tenant: string): Line {
    return this.lines.get(tenant) ?? newLine;
  }

  all(): Readonly<Record<string, Line>> {
    return Object.fromEntries(this.lines);
  }

  async put(tenant: string, line: Line): Promise<void> {
    if (line === this.get(tenant)) return;
    await replaceFile(join(this.folder, `${tenant}${ending}`), JSON.stringify(line));
    this.lines.set(tenant, line);
  }

  async moveTo(position: Position): Promise<void> {
    await replaceFile(join(this.folder, positionFile), JSON.stringify(position));
    this.position = position;
  }
}
