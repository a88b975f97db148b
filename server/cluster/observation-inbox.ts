/** Takes what followers have observed and hands it on, each once in the effect. */
import type { ObservationChannel } from './observation-channel.ts';
import { RecentIds } from './recent-ids.ts';

const batch = 200;
const waitMs = 1_000;
const retryMs = 1_000;
/** More than may come twice after a failure. */
const maxRecent = 10_000;

export class ObservationInbox<T> {
  private readonly recent = new RecentIds(maxRecent);
  private readonly running: Promise<void>;
  private isClosed = false;
  private wake: () => void = () => {};

  /** `take` must not throw. What is taken is gone for others: nothing is while it may not be. */
  constructor(channel: ObservationChannel<T>, take: (observation: T) => void, mayTake: () => boolean) {
    this.running = this.run(channel, take, mayTake);
  }

  /** Waits for a look that is under way, which ends within a second or the link's deadline. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.wake();
    await this.running;
  }

  /** The channel is read while it can be; while it cannot, it is tried again after a while. */
  private async run(
    channel: ObservationChannel<T>,
    take: (observation: T) => void,
    mayTake: () => boolean,
  ): Promise<void> {
    while (!this.isClosed) {
      if (!mayTake()) {
        await this.pause();
        continue;
      }
      try {
        const taken = await channel.take(batch, waitMs);
        for (const { id, observation } of taken) if (this.recent.add(id)) take(observation);
        if (taken.length > 0) await channel.acknowledge(taken.map(({ receipt }) => receipt));
      } catch {
        await this.pause();
      }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, retryMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
