/** What a candidate was built on. */
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Text } from '../train/lesson.ts';

export class Parent {
  /** It is the base alone. */
  readonly isBase: boolean;
  private readonly scores: TrainableModel['scores'];
  private readonly values: Parameters;

  /** Null for the base. */
  constructor({ scores, fresh }: Pick<TrainableModel, 'scores' | 'fresh'>, values: Parameters | null) {
    this.isBase = values === null;
    this.scores = scores;
    this.values = values ?? fresh;
  }

  /** In the order of the texts; without logits. */
  score(texts: readonly Text[]): Promise<readonly Scored[]> {
    return this.scores.score(this.values, texts);
  }
}
