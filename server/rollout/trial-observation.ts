/** What requests, and what their users say, tell of the versions that answered. */
import type { FeedbackRecord } from '../../core/feedback/record.ts';
import type { Arm } from './experiment/assign.ts';
import type { Outcome } from './experiment/observation.ts';
import { parsePin } from './version-id.ts';

type WithoutUnit<T> = T extends Outcome ? Omit<T, 'unit'> : never;

export interface TrialObservation {
  readonly model: string;
  readonly tenant: string;
  /** What answered; null is the base alone. */
  readonly adapter: string | null;
  /** As the conversation's key had it when the request came. */
  readonly arm: Arm;
  /** The key. */
  readonly conversation: string;
  /** When the request came, or else the answer that is judged was made: milliseconds since 1970. */
  readonly atMs: number;
  readonly happened: WithoutUnit<Outcome>;
}

/** Null for what says nothing of a version that was chosen by its alias. */
export function judgementOf(record: FeedbackRecord, earlier: number | null): TrialObservation | null {
  const { model, tenant, arm, conversation, version, answeredAt, signal } = record;
  if (signal.kind !== 'rating' && signal.kind !== 'correction') return null;
  if ((arm !== 'stable' && arm !== 'canary') || !conversation || version === null || !answeredAt) return null;
  const pin = parsePin(version);
  if (pin === null) return null;
  const happened =
    signal.kind === 'rating'
      ? { kind: 'rating' as const, value: signal.value, earlier }
      : { kind: 'correction' as const, earlier };
  const atMs = Date.parse(answeredAt);
  return { model, tenant, adapter: pin.adapter, arm, conversation, atMs, happened };
}
