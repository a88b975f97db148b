/** Saves a trial's state: seldom while it is observed, at once when somebody has to rely on it, one write at a time. */
import { Turns } from '../../core/turns.ts';

export interface TrialSaverOptions {
  /** Writes the state as it is then; durable when it resolves. */
  readonly write: () => Promise<void>;
  readonly now: () => number;
}

/** A crash loses what was observed in this time; where there is nothing to decide, less is at stake. */
const everyMs = { active: 5_000, idle: 60_000 } as const;
const maxWaiting = 16;

export class TrialSaver {
  private readonly options: TrialSaverOptions;
  private readonly turns = new Turns(maxWaiting);
  private numSaving = 0;
  private savedMs: number;
  private isDirty = false;

  constructor(options: TrialSaverOptions) {
    this.options = options;
    this.savedMs = options.now();
  }

  /** There is something that is not saved. */
  mark(): void {
    this.isDirty = true;
  }

  /** When it is time, or time again since it failed. Rejects as `save` does. */
  async saveIfDue(activity: keyof typeof everyMs): Promise<void> {
    const isTime = this.options.now() - this.savedMs >= everyMs[activity];
    if (this.isDirty && isTime && this.numSaving === 0) await this.save();
  }

  /** Rejects with what the disk says, and with queue_full when it does not answer. */
  async save(): Promise<void> {
    this.numSaving += 1;
    try {
      await this.turns.run(() => this.write());
    } finally {
      this.numSaving -= 1;
    }
  }

  /** Saves what is not saved yet. */
  close(): Promise<void> {
    return this.turns.run(async () => {
      if (this.isDirty) await this.write();
    });
  }

  private async write(): Promise<void> {
    this.savedMs = this.options.now();
    this.isDirty = false;
    try {
      await this.options.write();
    } catch (error) {
      this.isDirty = true;
      throw error;
    }
  }
}
