/** What a version says to a text is asked once, as long as the version's values are in memory. */
import type { ForwardSession, Scored } from './forward-session.ts';
import type { Parameters } from './gradient-session.ts';
import type { Text } from './lesson.ts';

/** Texts that are remembered of one version: those of its last few gates. */
const maxTexts = 256;

export class ScoreMemo {
  private readonly forward: Pick<ForwardSession, 'score'>;
  private readonly known = new WeakMap<Parameters, Map<string, Scored>>();

  constructor(forward: Pick<ForwardSession, 'score'>) {
    this.forward = forward;
  }

  /** In the order of the texts, without logits. The values must not change any more. */
  async score(values: Parameters, texts: readonly Text[]): Promise<readonly Scored[]> {
    const known = this.of(values);
    const missing = texts.filter((text) => !known.has(keyOf(text)));
    const scores = missing.length === 0 ? [] : await this.forward.score(values, missing);
    for (const [index, text] of missing.entries()) known.set(keyOf(text), scores[index]!);
    const asked = texts.map((text) => known.get(keyOf(text))!);
    for (const key of known.keys()) {
      if (known.size <= maxTexts) break;
      known.delete(key);
    }
    return asked;
  }

  private of(values: Parameters): Map<string, Scored> {
    let known = this.known.get(values);
    if (known === undefined) {
      known = new Map();
      this.known.set(values, known);
    }
    return known;
  }
}

const keyOf = ({ tokens, from }: Text): string => `${from}:${tokens.join()}`;
