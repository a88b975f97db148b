/** The trainer of whatever base version is served: when that moves, it is closed and another one opened. */
import { readAliases, servedBase } from '../../core/registry/aliases.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';

export interface OpenedTrainer {
  /** Digest of the base that it learns on. */
  readonly version: string;
  /** Does what there is to do. False when that was nothing. */
  turn(): Promise<boolean>;
  close(): Promise<void>;
}

export interface ServedTrainerParts {
  readonly layout: Pick<LearningLayout, 'aliases'>;
  readonly model: string;
  /** Ready for its first turn. Null: the version that was imported under the model's name. */
  readonly open: (version: string | null) => Promise<OpenedTrainer>;
}

export class ServedTrainer {
  private readonly parts: ServedTrainerParts;
  private opened: OpenedTrainer | null = null;

  constructor(parts: ServedTrainerParts) {
    this.parts = parts;
  }

  /** As the opened trainer's; on the base that is served when it begins. Throws what opening throws. */
  async turn(): Promise<boolean> {
    const { layout, model, open } = this.parts;
    const served = servedBase(await readAliases(layout.aliases), model);
    if (this.opened !== null && served !== null && served !== this.opened.version) {
      const { opened } = this;
      // First out of memory, so that there are never two.
      this.opened = null;
      await opened.close();
    }
    this.opened ??= await open(served);
    return this.opened.turn();
  }
}
