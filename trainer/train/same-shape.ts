import type { LoraShape } from '../../core/adapter/lora.ts';

/** Whether the factors of one adapter can take the place of the other's. */
export const isSameShape = (a: LoraShape, b: LoraShape): boolean =>
  a.rank === b.rank &&
  a.alpha === b.alpha &&
  a.firstLayer === b.firstLayer &&
  a.targets.join() === b.targets.join();
