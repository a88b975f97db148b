/** A trainer that runs while this server may train, which others decide on, too. */
import type { TrainerProcess, TrainerState } from './trainer-process.ts';

type Running = Pick<TrainerProcess, 'state' | 'pid' | 'restarts' | 'hangs' | 'close'>;

export class LedTrainer {
  private readonly start: () => Running;
  private running: Running | null = null;
  private mayTrain = false;
  private isClosed = false;
  /** Of trainers that have ended, those of this one's start not counted. */
  private earlierRestarts = 0;
  private earlierHangs = 0;
  private changing: Promise<void> = Promise.resolve();

  constructor(start: () => Running) {
    this.start = start;
  }

  /** Waiting: it may not train, or not yet. */
  get state(): TrainerState | 'waiting' {
    return this.running?.state ?? 'waiting';
  }
  get pid(): number | null {
    return this.running?.pid ?? null;
  }
  get restarts(): number {
    return this.earlierRestarts + (this.running?.restarts ?? 0);
  }
  get hangs(): number {
    return this.earlierHangs + (this.running?.hangs ?? 0);
  }

  /** From the call on it trains, or does not: the next trainer starts when the one before has ended. */
  lead(mayTrain: boolean): void {
    this.mayTrain = mayTrain;
    this.changing = this.changing.then(() => this.follow());
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.lead(false);
    await this.changing;
  }

  private async follow(): Promise<void> {
    const wanted = this.mayTrain && !this.isClosed;
    if (wanted === (this.running !== null)) return;
    if (wanted) {
      this.running = this.start();
      return;
    }
    const ending = this.running!;
    this.running = null;
    this.earlierRestarts += ending.restarts;
    this.earlierHangs += ending.hangs;
    await ending.close();
  }
}
