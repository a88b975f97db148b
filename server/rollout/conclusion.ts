/** How the trial of a version ended: a verdict with its evidence, or that somebody moved the alias away. */
import type { Evidence, Reason } from './experiment/verdict.ts';
import type { WatchEvidence, WatchVerdict } from './experiment/watch.ts';

export interface Conclusion {
  /** A canary beside the stable version, or the guard of one that took over. */
  readonly trial: 'canary' | 'watch';
  readonly version: string;
  /** What it was compared with; null is the base alone. */
  readonly against: string | null;
  readonly kind: 'promote' | 'rollback' | 'settled' | 'stopped';
  readonly reason: Reason | WatchVerdict['reason'] | 'moved';
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Numbers only. */
  readonly evidence: Evidence | WatchEvidence;
}

/** Of the aliases: moved, left since they are pinned, or somebody else had moved on; `none` was to be done. */
export type Effect = 'moved' | 'held' | 'superseded' | 'none';

export interface Decision extends Conclusion {
  readonly type: 'decision';
  /** ISO 8601. */
  readonly at: string;
  readonly model: string;
  readonly tenant: string;
  readonly effect: Effect;
}

/** For a log: who, what and why, and the evidence. */
export function lineOf({ model, tenant, trial, version, kind, reason, effect, ...rest }: Decision): string {
  const seconds = ((Date.parse(rest.at) - rest.startedMs) / 1000).toFixed(1);
  const what = `${trial} ${version}: ${kind} (${reason}, ${effect}) after ${seconds} s`;
  return `${model}, ${tenant}: ${what} ${JSON.stringify(rest.evidence)}`;
}
