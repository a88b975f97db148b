/** Records of the feedback log enter a tenant's line, or are dropped with their reason. Pure. */
import type { Fate, FeedbackRecord } from '../../core/feedback/record.ts';
import { type CurateLimits, curate } from '../curate/curate.ts';
import { type Example, exampleOf } from '../examples/example.ts';
import { knownOf, type Line, maxHeld, maxWaiting, numRecentOf, withAccepted } from './line.ts';

export type Decided = Pick<Fate, 'id' | 'state'>;

export interface Changed {
  readonly line: Line;
  readonly fates: readonly Decided[];
}

export interface TakeInOptions {
  /** The model that learns here. */
  readonly model: string;
  readonly limits: CurateLimits;
  readonly nowMs: number;
}

export const dropped = (id: string, reason: string): Decided => ({ id, state: { kind: 'dropped', reason } });

export function takeIn(line: Line, record: FeedbackRecord, { model, limits, nowMs }: TakeInOptions): Changed {
  const drop = (reason: string): Changed => ({ line, fates: [dropped(record.id, reason)] });
  if (record.model !== model)
    return drop(`it is about "${record.model}", and "${model}" is what learns here`);
  const known = knownOf(line);
  // The same record again, after a crash between two writes.
  if (known.some(({ id }) => id === record.id)) return { line, fates: [] };
  const example = exampleOf(record);
  if ('nothing' in example) return drop(example.nothing);
  const verdict = curate(example, known, limits, { held: line.held, numRecent: numRecentOf(line, example) });
  if (verdict.kind === 'drop') {
    const { fates } = drop(verdict.reason);
    return { line: verdict.isVoice ? withHeld(line, [example]) : line, fates };
  }
  if (line.waiting.length >= maxWaiting) return drop(`${maxWaiting} rows wait already`);
  const replaced = new Set(verdict.replaces);
  const stays = (each: { readonly example: { readonly id: string } }): boolean =>
    !replaced.has(each.example.id);
  const waiting = [...line.waiting.filter(stays), { example, sinceMs: nowMs, refusals: 0 }];
  const outvoted = line.waiting.filter((each) => !stays(each));
  // Whoever was outvoted by others goes on having said it; who changes their mind has not.
  const voices = known.filter(({ id, account }) => replaced.has(id) && account !== example.account);
  return {
    line: withHeld(
      { ...line, waiting, replay: line.replay.filter(stays), accepted: withAccepted(line, example) },
      voices,
    ),
    fates: [
      { id: record.id, state: { kind: 'queued' } },
      ...outvoted.map((each) =>
        dropped(each.example.id, 'a later row answers the same question differently'),
      ),
    ],
  };
}

/** Of each account the latest word on a question is what counts, see curate; here they are only bounded. */
const withHeld = (line: Line, voices: readonly Example[]): Line =>
  voices.length === 0 ? line : { ...line, held: [...line.held, ...voices].slice(-maxHeld) };
