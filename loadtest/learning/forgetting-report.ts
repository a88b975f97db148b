/** A course of corrections as figures and plots. */
import { plotSvg } from '../plot.ts';
import type { Check, Course, Update } from './course.ts';
import type { Drawing, Figure } from './measure.ts';
import { driftOf, type Loss } from './perplexity.ts';
import { quantileOf, shareOf } from './quantile.ts';
import { spillFigures } from './spill.ts';
import { targets } from './targets.ts';

type Published = Update & { readonly loss: Loss };

const publishedOf = ({ updates }: Course): Published[] =>
  updates.filter((update): update is Published => update.loss !== null);

/** Against the version before; a version that several corrections share counts once. */
function driftPerUpdate(course: Course): number[] {
  const published = publishedOf(course);
  return published.flatMap((update, index) => {
    const before = published[index - 1];
    if (before?.fate.adapter === update.fate.adapter) return [];
    return before === undefined ? [] : driftOf(update.loss.all, before.loss.all);
  });
}

/** After exactly so many corrections, the last version there was. */
function driftAfter(course: Course, correction: number, kind: keyof Loss): number | null {
  if (course.updates.length < correction) return null;
  const last = publishedOf(course).findLast((update) => update.correction <= correction);
  return last === undefined ? null : driftOf(last.loss[kind], course.base[kind]);
}

export function forgettingFigures(course: Course): Figure[] {
  const perUpdate = driftPerUpdate(course);
  const count = course.updates.length;
  const milestones = [...new Set([40, count])].filter((milestone) => milestone > 0 && milestone <= count);
  return [
    figure('perplexity elsewhere, per update, worst', quantileOf(perUpdate, 1), {
      most: targets.driftPerUpdate,
    }),
    figure('perplexity elsewhere, per update, median', quantileOf(perUpdate, 0.5), null),
    ...milestones.flatMap((milestone) => [
      figure(`perplexity elsewhere, after ${milestone}`, driftAfter(course, milestone, 'all'), {
        most: targets.driftAfterAll,
      }),
      ...(['legal', 'code', 'manual'] as const).map((kind) =>
        figure(`of this, ${kind}`, driftAfter(course, milestone, kind), null),
      ),
      ...recallAt(course, milestone),
    ]),
    figure(
      'corrections that were learned',
      shareOf(course.updates, ({ fate }) => fate.state === 'trained'),
      null,
    ),
    ...spillFigures(course.spill),
    { name: 'corrections in a row', value: count, unit: 'count', bound: null },
  ];
}

function recallAt({ checks }: Course, milestone: number): Figure[] {
  const check = checks.find(({ correction }) => correction === milestone);
  if (check === undefined) return [];
  return [
    figure(`right answers after ${milestone}, exact`, rightShare(check.exact), {
      least: targets.earlierStillRight,
    }),
    figure(`right answers after ${milestone}, paraphrase`, rightShare(check.paraphrase), null),
  ];
}

const rightShare = (answers: readonly boolean[]): number | null => shareOf(answers, (right) => right);

const figure = (name: string, value: number | null, bound: Figure['bound']): Figure => ({
  name,
  value,
  unit: 'share',
  bound,
});

export function forgettingDrawings(course: Course): Drawing[] {
  const published = publishedOf(course);
  const xLabel = 'corrections';
  const drift = (['all', 'legal', 'code', 'manual'] as const).map((kind) => ({
    name: kind,
    points: published.map(
      ({ correction, loss }) => [correction, 100 * driftOf(loss[kind], course.base[kind])] as const,
    ),
  }));
  const losses = (['first', 'last'] as const).map((step) => ({
    name: `before the ${step} step`,
    points: course.updates.flatMap(({ correction, trainingLoss }) =>
      trainingLoss === null ? [] : [[correction, trainingLoss[step]] as const],
    ),
  }));
  const recall = (['exact', 'paraphrase'] as const).map((name) => ({
    name,
    points: recallPoints(course.checks, name),
  }));
  return [
    plot('drift', {
      title: 'Perplexity elsewhere',
      xLabel,
      yLabel: 'per cent above the base',
      series: drift,
    }),
    plot('recall', { title: 'What the weights know', xLabel, yLabel: 'per cent right', series: recall }),
    plot('loss', {
      title: 'Loss of the trainer',
      xLabel,
      yLabel: 'nats',
      series: losses,
    }),
  ].filter((drawing) => drawing !== null);
}

const recallPoints = (
  checks: readonly Check[],
  name: 'exact' | 'paraphrase',
): (readonly [number, number])[] =>
  checks.map((check) => [check.correction, 100 * (rightShare(check[name]) ?? 0)] as const);

/** Null when there is nothing to draw. */
const plot = (name: string, drawn: Parameters<typeof plotSvg>[0]): Drawing | null =>
  drawn.series.every(({ points }) => points.length === 0) ? null : { name, svg: plotSvg(drawn) };
