/** What a seed came to, and all of them as a table. Pure. */
import type { Report } from './run.ts';

/** A run that could not be made to its end has no findings, and says why. */
export type Outcome =
  | (Report & { readonly seconds: number })
  | { readonly seed: number; readonly seconds: number; readonly error: string };

/** What did not hold; of a run that was not made to its end, why. */
export const brokenIn = (outcome: Outcome): readonly string[] =>
  'error' in outcome ? [`the run did not come to its end: ${outcome.error}`] : outcome.complaints;

export const isKept = (outcome: Outcome): boolean => brokenIn(outcome).length === 0;

const widest = 200;
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** A row a seed, below each that failed what was broken, and how many kept every promise. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const lines = [rowOf(['seed', 'faults', 'requests', 'answered', 'rows', 'versions', 'took', 'promises'])];
  for (const outcome of outcomes) {
    const { seed, seconds } = outcome;
    const [numBroken, took] = [brokenIn(outcome).length, `${Math.round(seconds)} s`];
    const verdict = numBroken === 0 ? 'kept' : `${numBroken} BROKEN`;
    const counts =
      'error' in outcome
        ? ['-', '-', '-', '-', '-']
        : [
            sum(outcome.faults),
            sum(outcome.endings),
            outcome.endings.answer ?? 0,
            outcome.learned.rows,
            outcome.learned.versions,
          ];
    lines.push(rowOf([seed, ...counts, took, verdict]));
    lines.push(...brokenIn(outcome).map((complaint) => `${' '.repeat(10)}${lineOf(complaint)}`));
  }
  const failed = outcomes.filter((outcome) => !isKept(outcome)).map(({ seed }) => seed);
  const which = failed.length === 0 ? '' : `; not ${failed.join(', ')}`;
  return [
    ...lines,
    `${outcomes.length - failed.length} of ${outcomes.length} runs kept every promise${which}`,
  ].join('\n');
}

const rowOf = (cells: readonly (string | number)[]): string =>
  cells.map((cell) => String(cell).padStart(9)).join(' ');

const lineOf = (complaint: string): string => complaint.replaceAll('\n', ' ').slice(0, widest);
