/** What speaks against a version, as a function of the tests that were kept. */
import type { Interval } from '../../../core/stats/arms.ts';
import type { FailureRunState } from './failure-run.ts';
import type { AlarmLevels } from './options.ts';
import { type Latency, latencies, type Wagers } from './unit-wagers.ts';

const harms = ['failures-in-row', 'failures', 'ttft', 'tpot', 'corrections', 'worse-quality'] as const;
export type Harm = (typeof harms)[number];

/** Whether a reason is one that speaks against the version. */
export const isHarm = (reason: string): reason is Harm => (harms as readonly string[]).includes(reason);

export interface Tests {
  readonly levels: AlarmLevels;
  readonly run: FailureRunState;
  readonly wagers: Wagers;
  /** What the difference of mean quality may still be; above 0 the version is better. */
  readonly difference: Interval;
}

/** The gravest, or null. `isTooSlow` decides of a latency that is slow beyond chance. */
export function harmOf(tests: Tests, isTooSlow: (latency: Latency) => boolean): Harm | null {
  const { levels, run, wagers, difference } = tests;
  if (run.isBroken) return 'failures-in-row';
  if (wagers.failed.pValue <= levels.failures) return 'failures';
  for (const latency of latencies)
    if (wagers[latency].pValue <= levels.latency && isTooSlow(latency)) return latency;
  if (wagers.corrected.pValue <= levels.corrections) return 'corrections';
  return difference.upper < 0 ? 'worse-quality' : null;
}
