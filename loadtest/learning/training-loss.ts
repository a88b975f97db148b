/** What the trainer noted of its loss in the recipe of a version, if it did. */

import { exchange } from '../link.ts';
import type { Endpoint } from './endpoint.ts';

/** Mean −log p of what was learned, before the first step and before the last one. */
export interface TrainingLoss {
  readonly first: number;
  readonly last: number;
}

/** Null where there is none. */
export async function trainingLossOf({ admin }: Endpoint, adapter: string): Promise<TrainingLoss | null> {
  const { status, text } = await exchange(admin, { method: 'GET', path: `/admin/versions/${adapter}` });
  if (status !== 200) return null;
  const { recipe } = JSON.parse(text) as { recipe?: { firstLoss?: number; lastLoss?: number } };
  const { firstLoss: first, lastLoss: last } = recipe ?? {};
  return typeof first === 'number' && typeof last === 'number' ? { first, last } : null;
}
