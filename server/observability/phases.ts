/** The phases of a generation, one after the other, as far as it came. Times as in the inference itself. */
import type { Inference } from './tracing.ts';

export interface PhaseTimes {
  readonly name: 'queue' | 'prefill' | 'decode' | 'stream';
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Decoding ends with the last token, a stream with what was written of it. */
export function phasesOf({ startMs, endMs, generation }: Inference): PhaseTimes[] {
  if (generation === null) return [];
  const { queueMs, ttftMs, lastTokenMs, isStream } = generation;
  const firstMs = ttftMs === null ? endMs : startMs + ttftMs;
  // Of several sequences the first token can come before the last one has its slot.
  const slotMs = queueMs === null ? firstMs : Math.min(startMs + queueMs, firstMs);
  const phases: PhaseTimes[] = [{ name: 'queue', fromMs: startMs, untilMs: slotMs }];
  if (queueMs !== null) phases.push({ name: 'prefill', fromMs: slotMs, untilMs: firstMs });
  if (ttftMs === null) return phases;
  const lastMs = Math.max(firstMs, startMs + (lastTokenMs ?? ttftMs));
  phases.push({ name: 'decode', fromMs: firstMs, untilMs: lastMs });
  if (isStream) phases.push({ name: 'stream', fromMs: firstMs, untilMs: Math.max(lastMs, endMs) });
  return phases;
}
