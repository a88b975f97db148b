/** What a trainer process is started with, as JSON. */
import type { LoraTarget } from '../adapter/lora.ts';

export interface TrainerOptions {
  /** Folder that learning keeps its state in; see ../registry/learning-layout.ts. */
  readonly dir: string;
  readonly modelsDir: string;
  /** The model that learns. */
  readonly model: string;
  readonly threads: number;
  /** Of the process, 0 to 19: how much serving comes before it. */
  readonly nice: number;
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly LoraTarget[];
  /** Share of the layers, from the bottom, that stay as they are. */
  readonly frozenShare: number;
  /** New rows wait this long for others to be learned with them. */
  readonly settleMs: number;
  /** Longest text that is learned from. */
  readonly maxTokens: number;
  /** Earlier answers that are kept to be repeated, per tenant. */
  readonly maxReplay: number;
  readonly maxPerAccountDay: number;
}
