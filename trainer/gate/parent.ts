/** What a candidate was built on. Candidates of one update have one parent: what it says to a text is asked once. */
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Text } from '../train/lesson.ts';

export class Parent {
  /** It is the base alone. */
  readonly isBase: boolean;
  private readonly forward: TrainableModel['forward'];
  private readonly values: Parameters;
  private readonly known = new Map<string, Scored>();

  /** Null for the base. */
  constructor({ forward, zeros }: Pick<TrainableModel, 'forward' | 'zeros'>, values: Parameters | null) {
    this.isBase = values === null;
    this.forward = forward;
    this.values = values ?? zeros;
  }

  /** In the order of the texts; without logits. */
  async score(texts: readonly Text[]): Promise<readonly Scored[]> {
    const missing = texts.filter((text) => !this.known.has(keyOf(text)));
    const scores = missing.length === 0 ? [] : await this.forward.score(this.values, missing);
    for (const [index, text] of missing.entries()) this.known.set(keyOf(text), scores[index]!);
    return texts.map((text) => this.known.get(keyOf(text))!);
  }
}

const keyOf = ({ tokens, from }: Text): string => `${from}:${tokens.join()}`;
