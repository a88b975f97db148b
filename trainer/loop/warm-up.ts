/**
 * What updates compare with never changes: it is asked of the base in idle moments, a piece at a time, so that the first
 * updates are as quick as the later ones. What is needed before its turn is made when it is needed.
 */
import type { TrainableModel } from '../model/trainable-model.ts';

export class WarmUp {
  private readonly pieces: (() => Promise<unknown>)[];

  /** `first` is done before the model's own anchors. */
  constructor(first: readonly (() => Promise<unknown>)[], { anchors }: Pick<TrainableModel, 'anchors'>) {
    const own = Array.from({ length: anchors.size }, (_, index) => () => anchors.get(index));
    this.pieces = [...first, ...own];
  }

  get isDone(): boolean {
    return this.pieces.length === 0;
  }

  /** Does the next piece, if there is one. */
  async next(): Promise<void> {
    await this.pieces.shift()?.();
  }
}
