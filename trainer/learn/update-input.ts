/** What one update is made from. */
import type { Example } from '../examples/example.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { ReplayBuffer } from '../replay/replay-buffer.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { LearnOptions } from './learn-options.ts';

export interface UpdateInput {
  readonly model: TrainableModel;
  /** The version that is built on; null starts from the base. */
  readonly start: Parameters | null;
  readonly rows: readonly Example[];
  /** Is marked as its examples are repeated: whoever may refuse the result keeps the state from before. */
  readonly replay: ReplayBuffer;
  readonly options: LearnOptions;
  readonly seed: number;
  /** Steps that were taken before this update; counts the replay's turns. */
  readonly turn: number;
  /** Tokens of a text. */
  readonly maxTokens: number;
  /** Median of the gradient norms of earlier rows; null while there are none. */
  readonly medianGradient: number | null;
  /** Resolves when training may go on; called before each step. */
  readonly pace: () => Promise<void>;
}
