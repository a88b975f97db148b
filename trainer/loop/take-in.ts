/** Records of the feedback log enter a tenant's line, or are dropped with their reason. Pure. */
import type { FeedbackRecord } from '../../core/feedback/record.ts';
import { type CurateLimits, curate } from '../curate/curate.ts';
import { type Example, exampleOf } from '../examples/example.ts';
import { type Changed, dropped } from './decided.ts';
import { knownOf, type Line, maxHeld, maxWaiting, numRecentOf, withAccepted } from './line.ts';
import { suspected } from './suspicion.ts';

export interface TakenIn extends Changed {
  /** Rows that were learned and should not have been. */
  readonly learned?: readonly string[];
}

export interface TakeInOptions {
  /** The model that learns here. */
  readonly model: string;
  readonly limits: CurateLimits;
  readonly nowMs: number;
}

export function takeIn(line: Line, record: FeedbackRecord, { model, limits, nowMs }: TakeInOptions): TakenIn {
  const drop = (reason: string): Changed => ({ line, fates: [dropped(record.id, reason)] });
  if (record.model !== model)
    return drop(`it is about "${record.model}", and "${model}" is what learns here`);
  const known = knownOf(line);
  // The same record again, after a crash between two writes.
  if (known.some(({ id }) => id === record.id)) return { line, fates: [] };
  const example = exampleOf(record);
  if ('nothing' in example) return drop(example.nothing);
  const beside = { held: line.held, planted: line.planted ?? [], numRecent: numRecentOf(line, example) };
  const verdict = curate(example, known, limits, beside);
  if (verdict.kind === 'drop') {
    const { fates } = drop(verdict.reason);
    const convicted = suspected(line, verdict.suspects ?? []);
    return {
      ...convicted,
      line: verdict.isVoice ? withHeld(convicted.line, [example]) : convicted.line,
      fates: [...fates, ...convicted.fates],
    };
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
