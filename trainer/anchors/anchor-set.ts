/**
 * Passages with what the base predicts for them, made as they are first needed and then kept: teachers for training, a
 * yardstick for the gate.
 */
import { concatenate } from '../../core/import/matrix.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import type { TextEncoder } from '../examples/encode.ts';
import type { ForwardSession, Scored } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Lesson, Text } from '../train/lesson.ts';
import type { TrunkSession } from '../train/trunk-session.ts';
import { MadeOnce } from './made-once.ts';

/** A text's beginning, scored from behind the first few tokens on: nothing can be foretold from those. */
export function encodePassage(tokenizer: Pick<Tokenizer, 'encode'>, passage: string, most: number): Text {
  const tokens = tokenizer.encode(passage, { addSpecialTokens: true, allowSpecial: false });
  return { tokens: tokens.slice(0, most), from: firstScored };
}

/** A text, or a question with an answer that is nothing special. */
export type Passage = string | { readonly question: string; readonly answer: string };

export interface AnchorParts {
  readonly tokenizer: Tokenizer;
  readonly encoder: TextEncoder;
  readonly trunk: TrunkSession;
  readonly forward: ForwardSession;
  /** Factors that change nothing: the base. */
  readonly fresh: Parameters;
}

/** Tokens of a passage that are used. */
const maxTokens = 48;
/** Places of a passage at which the teacher is asked; logits of a vocabulary each. */
const numRows = 12;
const firstScored = 5;

export interface Anchor {
  readonly text: Text;
  /** Tokens at which the base was asked for all its logits. */
  readonly rows: readonly number[];
  /** [rows, vocab]. */
  readonly logits: Float32Array;
  /** What the base says to each scored token. */
  readonly logprobs: Float32Array;
}

export class AnchorSet {
  private readonly parts: AnchorParts;
  private readonly passages: readonly Passage[];
  private readonly made = new MadeOnce<number>();

  constructor(passages: readonly Passage[], parts: AnchorParts) {
    this.passages = passages;
    this.parts = parts;
  }

  get size(): number {
    return this.passages.length;
  }

  get(index: number): Promise<Anchor> {
    const at = index % this.size;
    return this.made.get(at, () => this.make(this.passages[at]!));
  }

  private async make(passage: Passage): Promise<Anchor> {
    const { trunk, forward, fresh } = this.parts;
    const [text] = await trunk.prepare([this.encode(passage)]);
    const [scored] = await forward.score(fresh, [text!], { logits: 'all' });
    const places = spread(scored!.logprobs.length, numRows);
    const rows = places.map((place) => text!.from - 1 + place);
    return { text: text!, rows, logits: logitsAt(scored!, places), logprobs: scored!.logprobs };
  }

  private encode(passage: Passage): Text {
    const { tokenizer, encoder } = this.parts;
    if (typeof passage !== 'string') return encoder.encode(encoder.asking(passage.question), passage.answer);
    return encodePassage(tokenizer, passage, maxTokens);
  }
}

export const anchorLesson = ({ text, rows, logits }: Anchor, weight: number): Lesson => ({
  kind: 'teacher',
  text,
  rows,
  logits,
  weight,
});

/** Rows of the logits of a text's scored tokens, copied. */
export function logitsAt({ logits, logprobs }: Scored, places: readonly number[]): Float32Array {
  const vocabSize = logits.length / logprobs.length;
  return concatenate(places.map((place) => logits.subarray(place * vocabSize, (place + 1) * vocabSize)));
}

/** `count` whole numbers, evenly over [0, below). */
function spread(below: number, count: number): number[] {
  const most = Math.min(count, below);
  return Array.from({ length: most }, (_, index) => Math.floor((index * below) / most));
}
