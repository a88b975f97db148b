/** All that was measured, as it is written to result.json; docs/loadtest-result.schema.json describes it. */
import { percentileCurve } from '../distribution.ts';
import { type Figure, figuresOfLoad } from '../figure.ts';
import { gapsOf, latencyOf, ttftOf } from '../outcome.ts';
import type { Load } from '../rig.ts';
import type { Result, Scenario } from '../scenario.ts';
import type { Summary, Targets } from '../summary.ts';
import type { Verdict } from '../threshold.ts';
import { type Timeline, timelineOf } from '../timeline.ts';

/** Percentile, milliseconds. */
export type Curve = readonly (readonly [number, number])[];

export interface LoadReport {
  readonly name: string;
  readonly description: string;
  readonly summary: Summary;
  readonly figures: readonly Figure[];
  readonly curves: Readonly<Record<'ttft' | 'interToken' | 'latency', Curve>>;
}

export interface ScenarioReport {
  readonly name: string;
  readonly answers: string;
  readonly seconds: number;
  /** Why it could not be run to its end; null where it was. */
  readonly problem: string | null;
  /** Beside those of the loads. */
  readonly figures: readonly Figure[];
  readonly verdicts: readonly Verdict[];
  readonly loads: readonly LoadReport[];
  readonly timeline: Timeline | null;
}

export interface Report {
  /** Of this shape. */
  readonly format: 1;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly urls: readonly string[];
  readonly model: string;
  readonly profile: string;
  readonly targets: Targets;
  readonly seed: number;
  /** Of the load generator. */
  readonly machine: string;
  /** Thresholds that could not be judged. */
  readonly problems: readonly string[];
  /** 0: all thresholds are met; 1: one is missed; 2: something could not be run. */
  readonly exitCode: 0 | 1 | 2;
  readonly scenarios: readonly ScenarioReport[];
}

export type Measured = Omit<ScenarioReport, 'verdicts'>;

export function measuredOf(
  { name, answers }: Scenario,
  seconds: number,
  { loads, figures }: Result,
): Measured {
  return {
    name,
    answers,
    seconds,
    problem: null,
    figures,
    loads: loads.map(loadReport),
    timeline: timelineOf(loads),
  };
}

export function failedOf({ name, answers }: Scenario, seconds: number, problem: string): Measured {
  return { name, answers, seconds, problem, figures: [], loads: [], timeline: null };
}

function loadReport({ name, description, summary, outcomes }: Load): LoadReport {
  const ok = outcomes.filter((outcome) => outcome.ok);
  const curves = {
    ttft: percentileCurve(ok.map(ttftOf)),
    interToken: percentileCurve(ok.flatMap(gapsOf)),
    latency: percentileCurve(ok.map(latencyOf)),
  };
  return { name, description, summary, figures: figuresOfLoad(summary), curves };
}

export function exitCodeOf({ scenarios, problems }: Pick<Report, 'scenarios' | 'problems'>): 0 | 1 | 2 {
  if (problems.length > 0 || scenarios.some(({ problem }) => problem !== null)) return 2;
  return scenarios.some(({ verdicts }) => verdicts.some(({ isMet }) => !isMet)) ? 1 : 0;
}
