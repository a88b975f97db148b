/** What was decided of rows, and the line that this leaves. */
import type { Fate } from '../../core/feedback/record.ts';
import type { Line } from './line.ts';

export type Decided = Pick<Fate, 'id' | 'state'>;

export interface Changed {
  readonly line: Line;
  readonly fates: readonly Decided[];
}

export const dropped = (id: string, reason: string): Decided => ({ id, state: { kind: 'dropped', reason } });
