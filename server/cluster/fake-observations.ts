/** Observations within one process, for tests of what gives and takes them. */
import { observationTexts } from './check-observations.ts';
import type { ObservationChannel, Observed, Taken } from './observation-channel.ts';

interface Kept {
  readonly receipt: string;
  readonly id: string;
  readonly text: string;
}

export class FakeObservations<T> implements ObservationChannel<T> {
  private readonly max: number;
  /** The oldest first. */
  private kept: Kept[] = [];
  private wasTaken = new Set<string>();
  private numAppended = 0;
  private wake: () => void = () => {};

  /** At most `max` are kept. */
  constructor(max: number) {
    this.max = max;
  }

  async append(observations: readonly Observed<T>[]): Promise<void> {
    const texts = observationTexts(observations);
    const added = observations.map(({ id }, index) => {
      this.numAppended += 1;
      return { receipt: String(this.numAppended), id, text: texts[index]! };
    });
    this.kept = [...this.kept, ...added].slice(-this.max);
    this.wake();
  }

  async take(max: number, waitMs: number): Promise<readonly Taken<T>[]> {
    if (this.kept.length === 0) await this.appended(waitMs);
    const again = this.kept.filter(({ receipt }) => this.wasTaken.has(receipt));
    const taken = (again.length > 0 ? again : this.kept).slice(0, max);
    this.wasTaken = new Set([...again, ...taken].map(({ receipt }) => receipt));
    return taken.map(({ receipt, id, text }) => ({ receipt, id, observation: JSON.parse(text) as T }));
  }

  async acknowledge(receipts: readonly string[]): Promise<void> {
    const done = new Set(receipts);
    this.kept = this.kept.filter(({ receipt }) => !done.has(receipt));
  }

  async size(): Promise<number> {
    return this.kept.length;
  }

  async close(): Promise<void> {
    this.wake();
  }

  private appended(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
