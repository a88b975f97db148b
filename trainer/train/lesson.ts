/** What one step can learn from. Token ids are the served model's. */

/** Tokens of which those from index `from` (1 or more) to the end count, each given all before it. */
export interface Text {
  readonly tokens: readonly number[];
  readonly from: number;
  /** Result of the frozen layers, [tokens, hidden]; there when the trained layers do not begin at the bottom. */
  readonly residual?: Float32Array;
}

export type Lesson =
  /** A right answer: weight · mean −log p over its tokens. */
  | { readonly kind: 'answer'; readonly text: Text; readonly weight: number }
  /** One answer above another: DPO, and with `nllWeight` also weight · mean −log p of the chosen one (Pang et al. 2024). */
  | {
      readonly kind: 'pair';
      readonly chosen: Text;
      readonly rejected: Text;
      /** log p of both under the reference model, summed over their tokens. */
      readonly reference: { readonly chosen: number; readonly rejected: number };
      readonly beta: number;
      readonly weight: number;
      readonly nllWeight: number;
    }
  /** An answer that was liked or not: KTO. `shift` is the estimate of KL(model ‖ reference), 0 or more. */
  | {
      readonly kind: 'thumb';
      readonly text: Text;
      readonly isGood: boolean;
      readonly reference: number;
      readonly shift: number;
      readonly beta: number;
      readonly weight: number;
    }
  /** Logits [rows, vocab] to stay near, or to get near, at the tokens `rows`: weight · mean T²·KL. */
  | {
      readonly kind: 'teacher';
      readonly text: Omit<Text, 'from'>;
      readonly rows: readonly number[];
      readonly logits: Float32Array;
      readonly weight: number;
    };

/** All texts of a lesson. */
export function textsOf(lesson: Lesson): readonly Omit<Text, 'from'>[] {
  return lesson.kind === 'pair' ? [lesson.chosen, lesson.rejected] : [lesson.text];
}

export const numTokensOf = (lesson: Lesson): number =>
  textsOf(lesson).reduce((sum, { tokens }) => sum + tokens.length, 0);
