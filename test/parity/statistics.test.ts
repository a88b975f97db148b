import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cupedArms, cupedTheta, mergePairs, noPairs, withPair } from '../../core/stats/cuped.ts';
import {
  chiSquareSurvival,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
} from '../../core/stats/distribution.ts';
import { biasCorrection, cohensD, hedgesG } from '../../core/stats/effect-size.ts';
import { powerOf, sampleSizePerArm } from '../../core/stats/power.ts';
import { quantiles } from '../../core/stats/quantile.ts';
import { sampleRatioTest } from '../../core/stats/sample-ratio.ts';
import { sequentialMargin } from '../../core/stats/sequential.ts';
import { logGamma, regularizedBeta, regularizedGammaQ } from '../../core/stats/special.ts';
import { type Moments, mergeMoments, momentsOf } from '../../core/stats/summary.ts';
import { welchTest } from '../../core/stats/welch.ts';
import { fixturePath } from '../root.ts';

interface Comparison {
  readonly name: string;
  readonly control: readonly number[];
  readonly treatment: readonly number[];
  /** Of control, of treatment, of both together. */
  readonly moments: readonly [Moments, Moments, Moments];
  readonly t: number;
  readonly degrees: number;
  readonly pValue: number;
  /** For alpha 0.05 and 0.001. */
  readonly intervals: readonly (readonly [number, number])[];
  /** The interval is for alpha 0.1. */
  readonly effect: {
    readonly d: number;
    readonly g: number;
    readonly lower: number;
    readonly upper: number;
  };
  /** Of the treatment, at `quantileProbabilities`. */
  readonly quantiles: readonly number[];
}

interface Golden {
  /** Function → rows of arguments and value. */
  readonly functions: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly comparisons: readonly Comparison[];
  readonly sampleRatios: readonly {
    readonly counts: readonly number[];
    readonly shares: readonly number[];
    readonly statistic: number;
    readonly pValue: number;
  }[];
  readonly cuped: {
    readonly control: readonly [x: readonly number[], y: readonly number[]];
    readonly treatment: readonly [x: readonly number[], y: readonly number[]];
    readonly theta: number;
    readonly difference: number;
    readonly moments: readonly [Moments, Moments];
    readonly covariance: number;
  };
  readonly power: readonly {
    readonly effectSize: number;
    readonly alpha: number;
    readonly power: number;
    readonly perArm: number;
    readonly counts: readonly [number, number];
    readonly found: number;
  }[];
  readonly sequences: readonly {
    readonly count: number;
    readonly variance: number;
    readonly alpha: number;
    readonly tightestAt: number;
    readonly margin: number;
    readonly narrowest: number;
  }[];
}

/** From statistics.py beside this file. */
const golden = JSON.parse(readFileSync(fixturePath('statistics.json'), 'utf8')) as Golden;
const quantileProbabilities = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1];

/** Within 1e-9 of what is wanted, or where that is zero within 1e-12. */
function near(value: number, wanted: number, what: string): void {
  const allowed = wanted === 0 ? 1e-12 : 1e-9 * Math.abs(wanted);
  assert.ok(Math.abs(value - wanted) <= allowed, `${what}: ${value} for ${wanted}`);
}

function nearMoments(moments: Moments, wanted: Moments, what: string): void {
  assert.equal(moments.count, wanted.count, what);
  near(moments.mean, wanted.mean, `${what}, mean`);
  near(moments.variance, wanted.variance, `${what}, variance`);
}

type Binary = (a: number, b: number) => number;
const functions: Readonly<Record<string, (...values: [number, number, number]) => number>> = {
  logGamma,
  regularizedBeta: (a, b, x) => regularizedBeta({ a, b, x, y: 1 - x }),
  regularizedGammaQ: regularizedGammaQ as Binary,
  normalCdf,
  normalQuantile,
  studentCdf: studentCdf as Binary,
  studentQuantile: studentQuantile as Binary,
  chiSquareSurvival: chiSquareSurvival as Binary,
  biasCorrection,
};

for (const [name, rows] of Object.entries(golden.functions)) {
  test(`${name} has the values of SciPy`, () => {
    for (const row of rows) {
      const values = row.slice(0, -1) as [number, number, number];
      near(functions[name]!(...values), row.at(-1)!, `${name}(${values})`);
    }
  });
}

for (const { name, control, treatment, ...wanted } of golden.comparisons) {
  const arms = { control: momentsOf(control), treatment: momentsOf(treatment) };

  test(`${name}: moments are those of NumPy, also when merged`, () => {
    nearMoments(arms.control, wanted.moments[0], 'control');
    nearMoments(arms.treatment, wanted.moments[1], 'treatment');
    nearMoments(mergeMoments(arms.control, arms.treatment), wanted.moments[2], 'merged');
  });

  test(`${name}: Welch's test is that of SciPy`, () => {
    [0.05, 0.001].forEach((alpha, index) => {
      const result = welchTest(arms, { alpha })!;
      near(result.t, wanted.t, 't');
      near(result.degrees, wanted.degrees, 'degrees');
      near(result.pValue, wanted.pValue, 'p');
      near(result.interval.lower, wanted.intervals[index]![0], 'lower');
      near(result.interval.upper, wanted.intervals[index]![1], 'upper');
    });
  });

  test(`${name}: d and g, and its interval, are those of the formulas`, () => {
    near(cohensD(arms)!, wanted.effect.d, 'd');
    const { g, interval } = hedgesG(arms, { alpha: 0.1 })!;
    near(g, wanted.effect.g, 'g');
    near(interval.lower, wanted.effect.lower, 'lower');
    near(interval.upper, wanted.effect.upper, 'upper');
  });

  test(`${name}: quantiles are those of NumPy`, () => {
    const values = quantiles(Float64Array.from(treatment), quantileProbabilities)!;
    values.forEach((value, index) => {
      near(value, wanted.quantiles[index]!, `${quantileProbabilities[index]}`);
    });
  });
}

test("the test for a sample ratio is SciPy's chi-square", () => {
  for (const { counts, shares, statistic, pValue } of golden.sampleRatios) {
    const result = sampleRatioTest(counts, shares)!;
    near(result.statistic, statistic, `${counts}`);
    near(result.pValue, pValue, `${counts}`);
    assert.equal(result.verdict, pValue < 0.001 ? 'mismatched' : 'matched');
  }
});

test('CUPED adjusts as a regression on the arm and the covariate does', () => {
  const { cuped } = golden;
  const pairsOf = ([x, y]: readonly [readonly number[], readonly number[]]) =>
    x.reduce((pairs, value, index) => withPair(pairs, value, y[index]!), noPairs);
  const arms = { control: pairsOf(cuped.control), treatment: pairsOf(cuped.treatment) };
  near(mergePairs(arms.control, arms.treatment).covariance, cuped.covariance, 'covariance of all');
  near(cupedTheta(arms), cuped.theta, 'theta');
  const { control, treatment } = cupedArms(arms);
  near(treatment.mean - control.mean, cuped.difference, 'difference');
  nearMoments(control, cuped.moments[0], 'control');
  nearMoments(treatment, cuped.moments[1], 'treatment');
});

test('power and sample sizes are those of statsmodels', () => {
  for (const { effectSize, alpha, power, perArm, counts, found } of golden.power) {
    assert.equal(sampleSizePerArm({ effectSize, alpha, power }), perArm, `${effectSize}`);
    const [control, treatment] = counts;
    near(powerOf({ control, treatment }, { effectSize, alpha }), found, `${effectSize}`);
  }
});

test('the confidence sequence is where its mixture of likelihood ratios comes to 1/alpha', () => {
  for (const { margin, narrowest: _, ...sequence } of golden.sequences) {
    near(sequentialMargin(sequence, sequence), margin, JSON.stringify(sequence));
  }
});

test('the confidence sequence is within 1 % of the narrowest there is at the count it is made for', () => {
  for (const { variance, tightestAt, alpha, narrowest } of golden.sequences) {
    const margin = sequentialMargin({ count: tightestAt, variance }, { alpha, tightestAt });
    assert.ok(margin < 1.01 * narrowest, `${margin} for ${narrowest}`);
    assert.ok(margin > (1 - 1e-9) * narrowest, `${margin} for ${narrowest}`);
  }
});
