/** What every measure is given, and what it gives back. */

import type { Deadline } from '../wait.ts';
import type { LoadOptions } from './chat-load.ts';
import type { Fact } from './facts.ts';
import type { LearningServer, Tenant } from './server.ts';

/** A figure, and the bound it is held to; null where there is a figure only for the record. */
export interface Figure {
  readonly name: string;
  /** Null when it could not be measured, or never came to pass: no bound holds then. */
  readonly value: number | null;
  readonly unit: 'ms' | 's' | 'tokens/s' | 'share' | 'ratio' | 'count' | 'MB';
  readonly bound: { readonly most: number } | { readonly least: number } | null;
}

export const count = (name: string, value: number, bound: Figure['bound']): Figure => ({
  name,
  value,
  unit: 'count',
  bound,
});

export interface Drawing {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly svg: string;
}

export interface Finding {
  readonly figures: readonly Figure[];
  readonly drawings: readonly Drawing[];
  /** Everything that the figures were computed from. */
  readonly raw: object;
}

export interface Lab {
  /** What is taught. */
  readonly facts: readonly Fact[];
  /** When the measure has to come to its end, with what it has. */
  readonly deadline: Deadline;
  /** Clients that have nothing to do with what is taught, and stream all the while. */
  readonly background: LoadOptions;
  /** A server that has learned nothing yet. It is stopped after the measure. */
  start(tenant: Tenant | null): Promise<LearningServer>;
  say(text: string): void;
}

export type Measure = (lab: Lab) => Promise<Finding>;

export function isMet({ value, bound }: Figure): boolean | null {
  if (bound === null) return null;
  if (value === null) return false;
  return 'most' in bound ? value <= bound.most : value >= bound.least;
}
