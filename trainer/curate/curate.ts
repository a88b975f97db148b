/**
 * Which rows are learned from. Pure: a row, what is known, and a verdict with its reason. Influence is bounded in absolute
 * numbers, since a few hundred bad rows do their harm whatever the size of the rest (Souly et al. 2025).
 */
import { answersOf, type Example, spokenBefore } from '../examples/example.ts';
import { holdsSecret } from '../examples/secrets.ts';
import { agreementOf } from './agreement.ts';
import { type Dropped, planting } from './planting.ts';
import { insanity, type SanityLimits } from './sanity.ts';

export interface CurateLimits extends SanityLimits {
  /** Rows of one account in a day; further ones are dropped. */
  readonly maxPerAccountDay: number;
}

export type Verdict =
  | {
      readonly kind: 'keep';
      /** Examples that the new one takes the place of; other accounts' stay voices and belong among `held`. */
      readonly replaces: readonly string[];
    }
  | Dropped;

/** What bears on a verdict beside what was kept. */
export interface Beside {
  /** Rows that are not learned from but count as voices; the caller bounds their number. */
  readonly held: readonly Example[];
  /** Rows that turned out to be planted, and are not among those that are known; bounded by the caller, too. */
  readonly planted: readonly Example[];
  /** Rows of the account that were kept within the last day, those that were replaced since among them. */
  readonly numRecent: number;
}

const dayMs = 86_400_000;

const drop = (reason: string): Dropped => ({ kind: 'drop', reason, isVoice: false });

/** `known` is what was kept before, of the same tenant and model. Without `numRecent` the account's rows in it count. */
export function curate(
  example: Example,
  known: readonly Example[],
  limits: CurateLimits,
  { held = [], planted = [], numRecent = numRecentIn(known, example) }: Partial<Beside> = {},
): Verdict {
  const [answers, before] = [answersOf(example), spokenBefore(example)];
  for (const answer of answers) {
    const insane = insanity(answer, before, limits);
    if (insane !== null) return drop(insane);
  }
  if (holdsSecret(example)) return drop('personal data or a secret was left in it');
  if (numRecent >= limits.maxPerAccountDay)
    return drop(
      `the account has given ${numRecent} rows within a day, at most ${limits.maxPerAccountDay} count`,
    );
  return byOthers(example, known, { held, planted });
}

function byOthers(
  example: Example,
  known: readonly Example[],
  { held, planted }: Pick<Beside, 'held' | 'planted'>,
): Verdict {
  const agreement = agreementOf(example, known, held);
  if (agreement.kind === 'repeats') return drop('it says what was said before');
  if (agreement.kind === 'outvoted') {
    const reason = `${agreement.numAgainst} other account(s) answer the same question differently`;
    return { kind: 'drop', reason, isVoice: true };
  }
  const { replaces } = agreement;
  if (example.kind === 'thumb') return { kind: 'keep', replaces };
  // A row that is replaced no longer speaks for its answer.
  const others = known.filter(({ id, kind }) => kind !== 'thumb' && !replaces.includes(id));
  const seen = new Set(others.map(({ id }) => id));
  return (
    planting(example, [...others, ...planted.filter(({ id }) => !seen.has(id))]) ?? { kind: 'keep', replaces }
  );
}

const numRecentIn = (known: readonly Example[], { account, receivedMs }: Example): number =>
  known.filter((other) => other.account === account && receivedMs - other.receivedMs < dayMs).length;
