/**
 * Rows that were let in before others showed what they were planted for. The first rows of a backdoor look like any others;
 * when enough later ones had to be dropped for going together with them, they leave, too, with what was learned of them. Pure.
 */
import { type Changed, dropped } from './decided.ts';
import { knownOf, type Line, maxPlanted } from './line.ts';

/** One that is dropped may be an accident, and a word that two facts share; so many are none. */
const maxSuspicions = 3;

export const isPlanted = ({ suspicions = {} }: Line, id: string): boolean =>
  (suspicions[id] ?? 0) >= maxSuspicions;

export interface Convicted extends Changed {
  /** Rows that were learned: no version may go on with them. */
  readonly learned: readonly string[];
}

/** One more row was dropped that goes together with `suspects`. */
export function suspected(line: Line, suspects: readonly string[]): Convicted {
  if (suspects.length === 0) return { line, fates: [], learned: [] };
  const suspicions = withMore(line, suspects);
  const guilty = new Set(Object.keys(suspicions).filter((id) => suspicions[id]! >= maxSuspicions));
  const isGuilty = ({ example }: { readonly example: { readonly id: string } }): boolean =>
    guilty.has(example.id);
  const waiting = line.waiting.filter((each) => !isGuilty(each));
  const known = new Set(line.planted?.map(({ id }) => id));
  const found = knownOf(line).filter(({ id }) => guilty.has(id) && !known.has(id));
  const planted = [...(line.planted ?? []), ...found].slice(-maxPlanted);
  const fates = line.waiting.filter(isGuilty).map(({ example }) => dropped(example.id, plantedReason));
  const learned = line.replay.filter(isGuilty).map(({ example }) => example.id);
  return { line: { ...line, waiting, suspicions, planted }, fates, learned };
}

export const plantedReason = 'it was planted: later rows bring the same answer along with the same phrase';

/** Of rows that are still there; those that are gone are suspects of nothing. */
function withMore(
  { suspicions = {}, waiting, replay }: Line,
  suspects: readonly string[],
): Record<string, number> {
  const there = new Set([...waiting, ...replay].map(({ example }) => example.id));
  const counts: Record<string, number> = {};
  for (const [id, count] of Object.entries(suspicions)) if (there.has(id)) counts[id] = count;
  for (const id of suspects) if (there.has(id)) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}
