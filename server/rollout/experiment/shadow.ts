/** Answers of a shadow, which nobody sees, beside those that were shown for the same requests. Keeps numbers, not texts. */
import { invariant } from '../../../core/invariant.ts';
import { type Moments, noMoments, withValue } from '../../../core/stats/summary.ts';
import { LatencyWindow } from './latency-window.ts';
import { wordOverlap, wordsOf } from './word-overlap.ts';

/** Even where texts are kept, no more than these, and none longer. */
const maxExamples = 20;
const maxExampleChars = 2_000;

export interface ShadowAnswer {
  readonly text: string;
  /** Of the whole answer. */
  readonly durationMs: number;
}

export interface ShadowPair {
  readonly shown: ShadowAnswer;
  /** Null when the shadow failed. */
  readonly shadow: ShadowAnswer | null;
}

export interface ShadowExample {
  readonly shown: string;
  readonly shadow: string;
  readonly overlap: number;
}

export interface ShadowReport {
  readonly numPairs: number;
  readonly numFailures: number;
  /** Of answers, those equal to the letter; null while there are none. */
  readonly equalShare: number | null;
  /** See word-overlap.ts. */
  readonly meanOverlap: number | null;
  /** Words of the shadow's answer, and one, over the shown one's, and one: the geometric mean, in which double offsets half. */
  readonly lengthRatio: number | null;
  readonly durationMs: Readonly<
    Record<'shown' | 'shadow', { readonly mean: number; readonly p95: number } | null>
  >;
  /** The latest differing answers, the newest last. */
  readonly examples: readonly ShadowExample[];
}

class Durations {
  private moments: Moments = noMoments;
  private readonly window = new LatencyWindow();

  add(valueMs: number): void {
    this.moments = withValue(this.moments, valueMs);
    this.window.add(valueMs);
  }

  /** The mean is over all, the percentile over the latest. */
  report(): { mean: number; p95: number } | null {
    return this.moments.count === 0 ? null : { mean: this.moments.mean, p95: this.window.p95Ms! };
  }
}

export class ShadowComparison {
  private readonly numExamples: number;
  private numPairs = 0;
  private numEqual = 0;
  private overlap: Moments = noMoments;
  private logLengthRatio: Moments = noMoments;
  private readonly shown = new Durations();
  private readonly shadow = new Durations();
  private examples: readonly ShadowExample[] = [];

  /** Texts of the latest `numExamples` differing answers are kept, at most 20. */
  constructor({ numExamples = 0 }: { readonly numExamples?: number } = {}) {
    invariant(numExamples >= 0 && numExamples <= maxExamples, `at most ${maxExamples} texts are kept`);
    this.numExamples = numExamples;
  }

  record({ shown, shadow }: ShadowPair): void {
    this.numPairs += 1;
    this.shown.add(shown.durationMs);
    if (shadow === null) return;
    this.shadow.add(shadow.durationMs);
    const [shownWords, shadowWords] = [wordsOf(shown.text), wordsOf(shadow.text)];
    const overlap = wordOverlap(shownWords, shadowWords);
    this.overlap = withValue(this.overlap, overlap);
    const ratio = (shadowWords.length + 1) / (shownWords.length + 1);
    this.logLengthRatio = withValue(this.logLengthRatio, Math.log(ratio));
    if (shown.text === shadow.text) this.numEqual += 1;
    else this.keep({ shown: shown.text, shadow: shadow.text, overlap });
  }

  report(): ShadowReport {
    const { count } = this.overlap;
    const ifAny = (value: number): number | null => (count === 0 ? null : value);
    return {
      numPairs: this.numPairs,
      numFailures: this.numPairs - count,
      equalShare: ifAny(this.numEqual / count),
      meanOverlap: ifAny(this.overlap.mean),
      lengthRatio: ifAny(Math.exp(this.logLengthRatio.mean)),
      durationMs: { shown: this.shown.report(), shadow: this.shadow.report() },
      examples: this.examples,
    };
  }

  private keep({ shown, shadow, overlap }: ShadowExample): void {
    if (this.numExamples === 0) return;
    const cut = (text: string): string => text.slice(0, maxExampleChars);
    const example = { shown: cut(shown), shadow: cut(shadow), overlap };
    this.examples = [...this.examples, example].slice(-this.numExamples);
  }
}
