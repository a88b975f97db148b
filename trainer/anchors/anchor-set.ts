/**
 * Passages with what the base predicts for them, made as they are first needed and then kept: teachers for training, a
 * yardstick for the gate.
 */
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import type { ForwardSession } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Lesson, Text } from '../train/lesson.ts';
import type { TrunkSession } from '../train/trunk-session.ts';

export interface AnchorParts {
  readonly tokenizer: Tokenizer;
  readonly trunk: TrunkSession;
  readonly forward: ForwardSession;
  /** Factors of zero: the base. */
  readonly base: Parameters;
}

/** Tokens of a passage that are used. */
const maxTokens = 96;
/** Places of a passage at which the teacher is asked; logits of a vocabulary each. */
const numRows = 24;
/** Nothing can be foretold from the first few tokens. */
const firstRow = 4;

export interface Anchor {
  readonly text: Text;
  readonly rows: readonly number[];
  /** Of the base, [rows, vocab]. */
  readonly logits: Float32Array;
}

export class AnchorSet {
  private readonly parts: AnchorParts;
  private readonly passages: readonly string[];
  private readonly made = new Map<number, Promise<Anchor>>();

  constructor(passages: readonly string[], parts: AnchorParts) {
    this.passages = passages;
    this.parts = parts;
  }

  get size(): number {
    return this.passages.length;
  }

  get(index: number): Promise<Anchor> {
    const at = index % this.size;
    let anchor = this.made.get(at);
    if (anchor === undefined) {
      anchor = this.make(this.passages[at]!);
      this.made.set(at, anchor);
      anchor.catch(() => this.made.delete(at));
    }
    return anchor;
  }

  private async make(passage: string): Promise<Anchor> {
    const { tokenizer, trunk, forward, base } = this.parts;
    const ids = tokenizer.encode(passage, { addSpecialTokens: true, allowSpecial: false });
    const [text] = await trunk.prepare([{ tokens: ids.slice(0, maxTokens), from: firstRow + 1 }]);
    const rows = spread(firstRow, text!.tokens.length - 1, numRows);
    return { text: text!, rows, logits: await forward.logits(base, text!, rows) };
  }
}

export const anchorLesson = ({ text, rows, logits }: Anchor, weight: number): Lesson => ({
  kind: 'teacher',
  text,
  rows,
  logits,
  weight,
});

/** `count` whole numbers, evenly over [from, to). */
function spread(from: number, to: number, count: number): number[] {
  const most = Math.min(count, to - from);
  return Array.from({ length: most }, (_, index) => from + Math.floor((index * (to - from)) / most));
}
