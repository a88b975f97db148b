/**
 * How far a log was sent, as it is kept on disk: the place in the log, and for the latest entries of the stream the place
 * behind them, so that a stream that has lost its end gets again what it lost and not all of the log.
 */
import { isBeyondLog } from '../../core/feedback/read-position.ts';
import { logStart, type Position } from '../../core/feedback/segments.ts';
import { readIfThere } from '../../core/read-if-there.ts';
import { replaceFile } from '../../core/replace-file.ts';

/** An entry of the stream, and the place behind the line that it is. */
export interface Mark extends Position {
  readonly id: string;
}

export interface SenderPlace {
  readonly position: Position;
  /** The newest last. */
  readonly marks: readonly Mark[];
}

/** More than there are appends in the second or two that a store may lose. */
const maxMarks = 128;

export const placeAtStart: SenderPlace = { position: logStart, marks: [] };

/** The log's start where nothing is known, and, after `onUnknown`, where what is known is no place in this log. */
export async function readSenderPlace(
  path: string,
  log: string,
  onUnknown: () => void,
): Promise<SenderPlace> {
  const text = await readIfThere(path);
  if (text === null) return placeAtStart;
  const place = parse(text);
  if (place !== null && !(await isBeyondLog(place.position, log))) return place;
  onUnknown();
  return placeAtStart;
}

export const writeSenderPlace = (path: string, place: SenderPlace): Promise<void> =>
  replaceFile(path, JSON.stringify(place));

export function withMark({ marks }: SenderPlace, id: string, position: Position): SenderPlace {
  return { position, marks: [...marks, { id, ...position }].slice(-maxMarks) };
}

function parse(text: string): SenderPlace | null {
  try {
    const { position, marks } = JSON.parse(text) as SenderPlace;
    const isMark = (mark: Mark): boolean => isPosition(mark) && typeof mark.id === 'string';
    return isPosition(position) && marks.every(isMark) ? { position, marks } : null;
  } catch {
    return null;
  }
}

const isPosition = ({ segment, offset }: Position): boolean =>
  Number.isSafeInteger(segment) && Number.isSafeInteger(offset);
