/** What becomes of a canary, as a function of its experiment and the time. Harm is looked for first. */
import { type EffectSize, hedgesG } from '../../../core/stats/effect-size.ts';
import { type WelchTest, welchTest } from '../../../core/stats/welch.ts';
import type { Tally } from './arm-record.ts';
import type { Arm } from './assign.ts';
import type { Experiment } from './experiment.ts';
import { type Harm, harmOf } from './harm.ts';
import { comparableQuality } from './quality-comparison.ts';
import { numRated } from './quality-sums.ts';
import { isSplitBroken } from './split-check.ts';
import { type ForEachEvent, type Latency, pValuesOf } from './unit-wagers.ts';

export type Reason =
  | Harm
  /** Units did not come to the arms as they were split: nothing that was measured can be believed. */
  | 'split-broken'
  | 'better-quality'
  | 'quality-not-lower'
  | 'timeout'
  | 'running';

export interface Verdict {
  readonly kind: 'continue' | 'promote' | 'rollback';
  readonly reason: Reason;
  /** Null while it continues: `evidenceOf` gives what there is. */
  readonly evidence: Evidence | null;
}

/** `nowMs` is in milliseconds since 1970. Cheap enough to be asked after every outcome. */
export function judge(experiment: Experiment, nowMs: number): Verdict {
  const [kind, reason] = decide(experiment, nowMs);
  return { kind, reason, evidence: kind === 'continue' ? null : evidenceOf(experiment) };
}

/** The verdict without its evidence. */
export function decide(experiment: Experiment, nowMs: number): readonly [Verdict['kind'], Reason] {
  const { options, split, difference, startedMs } = experiment;
  // That it does not work at all needs no comparison.
  if (isSplitBroken(split) && !experiment.run.isBroken) return ['rollback', 'split-broken'];
  const tests = { levels: options.levels, run: experiment.run, wagers: experiment.wagers, difference };
  const harm = harmOf(tests, (latency) => isTooSlow(experiment, latency));
  if (harm !== null) return ['rollback', harm];
  const elapsedMs = nowMs - startedMs;
  if (elapsedMs < options.minMs) return ['continue', 'running'];
  if (difference.lower > 0) return ['promote', 'better-quality'];
  if (difference.lower > -options.qualityMargin) return ['promote', 'quality-not-lower'];
  if (elapsedMs >= options.maxMs) return [options.atTimeout, 'timeout'];
  return ['continue', 'running'];
}

/** By the latest answers. That it is no chance is known already; this is whether it matters. */
function isTooSlow({ options, windows }: Experiment, latency: Latency): boolean {
  const [stable, canary] = [windows.stable[latency], windows.canary[latency]];
  if (canary.count < options.minAnswers || stable.count === 0) return false;
  return canary.p95Ms! > options.maxLatencyFactor * stable.p95Ms!;
}

/** For the report, as a plain value. p-values of events hold at any look; Welch's and Hedges' only for one at the end. */
export interface Evidence {
  readonly share: number;
  readonly tallies: Readonly<Record<Arm, Tally>>;
  readonly p95Ms: Readonly<Record<Latency, Readonly<Record<Arm, number | null>>>>;
  readonly pValues: ForEachEvent<number> & { readonly split: number };
  readonly quality: {
    readonly ratedUnits: Readonly<Record<Arm, number>>;
    /** Holds the difference canary less stable, after all looks, with probability 1 - the level. */
    readonly lower: number;
    readonly upper: number;
    readonly welch: WelchTest | null;
    readonly hedgesG: EffectSize | null;
  };
}

export function evidenceOf(experiment: Experiment): Evidence {
  const { share, arms, wagers, split } = experiment;
  return {
    share,
    tallies: { stable: { ...arms.stable.tally }, canary: { ...arms.canary.tally } },
    p95Ms: { ttft: p95Of(experiment, 'ttft'), tpot: p95Of(experiment, 'tpot') },
    pValues: { ...pValuesOf(wagers), split: split.pValue },
    quality: qualityEvidence(experiment),
  };
}

const p95Of = ({ windows }: Experiment, latency: Latency): Readonly<Record<Arm, number | null>> => ({
  stable: windows.stable[latency].p95Ms,
  canary: windows.canary[latency].p95Ms,
});

function qualityEvidence({ arms, difference }: Experiment): Evidence['quality'] {
  const { stable, canary } = arms;
  const moments = comparableQuality({ control: stable.quality, treatment: canary.quality });
  return {
    ratedUnits: { stable: numRated(stable.quality), canary: numRated(canary.quality) },
    ...difference,
    welch: welchTest(moments),
    hedgesG: hedgesG(moments),
  };
}
