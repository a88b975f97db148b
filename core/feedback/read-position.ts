/** A reader's place in a log, as it was saved. */
import { readIfThere } from '../read-if-there.ts';
import { isCount } from '../shape.ts';
import { listSegments, logStart, type Position, segmentBytes } from './segments.ts';

/** The log's start when nothing was saved, and, after `onDamage`, when what was saved is no place. */
export async function readPosition(path: string, onDamage: () => void): Promise<Position> {
  const text = await readIfThere(path);
  if (text === null) return logStart;
  const position = parse(text);
  if (position === null) onDamage();
  return position ?? logStart;
}

/** Whether the log ends before the place: then the log is another one than the place was saved for. */
export async function isBeyondLog({ segment, offset }: Position, log: string): Promise<boolean> {
  const last = (await listSegments(log)).at(-1) ?? 0;
  return segment > last || (segment === last && offset > (await segmentBytes(log, segment)));
}

function parse(text: string): Position | null {
  try {
    const { segment, offset } = JSON.parse(text) as Position;
    return isCount(segment) && isCount(offset) ? { segment, offset } : null;
  } catch {
    return null;
  }
}
