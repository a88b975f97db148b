/** The measures by name. Freshness and recall are of one course of lessons, which is given once for both. */
import { measureBaseSwaps } from './base-swaps.ts';
import { measureForgetting } from './forgetting.ts';
import { measureJobs } from './jobs.ts';
import { measureLeaks } from './leaks.ts';
import { measureLessons } from './lessons.ts';
import type { Finding, Lab } from './measure.ts';
import { measurePoison } from './poison.ts';
import { measureRollback } from './rollback.ts';
import { measureServing } from './serving.ts';
import { measureSwaps } from './swaps.ts';

export const measureNames = [
  'freshness',
  'recall',
  'forgetting',
  'serving',
  'rollback',
  'swaps',
  'bases',
  'poison',
  'secrets',
  'jobs',
] as const;
export type MeasureName = (typeof measureNames)[number];

type Findings = Readonly<Record<string, Finding>>;

export interface Experiment {
  readonly gives: readonly MeasureName[];
  run(lab: Lab, options: { readonly numCorrections: number }): Promise<Findings>;
}

/** In the order they are run in. */
export const experiments: readonly Experiment[] = [
  { gives: ['freshness', 'recall'], run: async (lab) => ({ ...(await measureLessons(lab)) }) },
  {
    gives: ['forgetting'],
    run: async (lab, options) => ({ forgetting: await measureForgetting(lab, options) }),
  },
  { gives: ['serving'], run: async (lab) => ({ serving: await measureServing(lab) }) },
  { gives: ['rollback'], run: async (lab) => ({ rollback: await measureRollback(lab) }) },
  { gives: ['swaps'], run: async (lab) => ({ swaps: await measureSwaps(lab) }) },
  { gives: ['bases'], run: async (lab) => ({ bases: await measureBaseSwaps(lab) }) },
  { gives: ['poison'], run: async (lab) => ({ poison: await measurePoison(lab) }) },
  { gives: ['secrets'], run: async (lab) => ({ secrets: await measureLeaks(lab) }) },
  { gives: ['jobs'], run: async (lab) => ({ jobs: await measureJobs(lab) }) },
];
