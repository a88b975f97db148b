/** What every channel refuses, and how observations are written. */
import { MillraceError } from '../../core/errors.ts';
import { maxBatch, maxObservationBytes, type Observed } from './observation-channel.ts';

/** Throws invalid_argument for too many, for one that is too large, and for an id that is none. */
export function observationTexts(observations: readonly Observed<unknown>[]): string[] {
  if (observations.length > maxBatch)
    refuse(`${observations.length} observations at once, at most ${maxBatch}.`);
  return observations.map(({ id, observation }) => {
    if (id.length < 1 || id.length > 200)
      refuse(`An observation's id has ${id.length} characters, 1 to 200 are allowed.`);
    const text = JSON.stringify(observation);
    const bytes = Buffer.byteLength(text);
    if (bytes > maxObservationBytes)
      refuse(`An observation takes ${bytes} bytes, at most ${maxObservationBytes}.`);
    return text;
  });
}

function refuse(message: string): never {
  throw new MillraceError('invalid_argument', { message });
}
