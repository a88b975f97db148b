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

  /** Does the next piece. False when there is none left. */
  async next(): Promise<boolean> {
    const piece = this.pieces.shift();
    if (piece === undefined) return false;
    await piece();
    return true;
  }
}
