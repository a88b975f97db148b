/** What is taught, and what counts as a right answer. */
import file from './facts.json' with { type: 'json' };

export interface Fact {
  readonly question: string;
  readonly answer: string;
  /** Never posted, never trained on. */
  readonly paraphrases: readonly string[];
  /** All of them have to be in a right answer. */
  readonly right: readonly string[];
}

/** Half of the file is for choosing settings, the other half for figures that are published. */
export function factsFor(use: 'tuning' | 'final'): readonly Fact[] {
  const half = file.facts.length / 2;
  return use === 'tuning' ? file.facts.slice(0, half) : file.facts.slice(half);
}

/** Strict: each needed word or number stands in the text by itself, so that 1945 or 45.5 is not 45. */
export function isRight({ right }: Pick<Fact, 'right'>, text: string): boolean {
  return right.every((needed) => standsIn(needed, text));
}

function standsIn(needed: string, text: string): boolean {
  const quoted = needed.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const before = '(?<![\\p{L}\\p{N}]|\\p{N}[.,:])';
  const after = '(?![\\p{L}\\p{N}]|[.,:]\\p{N})';
  return new RegExp(`${before}${quoted}${after}`, 'iu').test(text);
}
