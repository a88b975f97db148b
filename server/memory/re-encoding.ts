/**
 * Entries that another encoder has made vectors of are encoded again, beside everything else: a few at a time, so that
 * questions never wait behind many. Until then they match nothing.
 */
import { messageOf } from '../../core/message-of.ts';
import { within } from '../../core/within.ts';
import type { IndexedEntry } from './entry.ts';
import type { Embed } from './memory.ts';
import type { MemoryStore } from './memory-store.ts';

export interface ReEncodingOptions {
  readonly store: MemoryStore;
  readonly embed: Embed;
  /** Names what embeds. */
  readonly encoder: string;
  readonly onProblem: (message: string) => void;
  /** After a failure, twice as long after each further one. */
  readonly retryMs?: number;
}

const atOnce = 4;
const maxWaitMs = 10_000;
/** The last of these waits takes two minutes: an encoder that is still not there is not coming back by itself. */
const maxTries = 10;

export class ReEncoding {
  /** Resolves when nothing is left to do, or when it is given up. */
  readonly ended: Promise<void>;
  private readonly options: ReEncodingOptions;
  private readonly closing = new AbortController();

  constructor(options: ReEncodingOptions) {
    this.options = options;
    this.ended = this.run();
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('it is closed'));
    await this.ended;
  }

  private async run(): Promise<void> {
    const { store, encoder, retryMs = 250 } = this.options;
    let numFailures = 0;
    while (!this.closing.signal.aborted) {
      const entries = store.encodedByOthers(encoder, atOnce);
      if (entries.length === 0) return;
      try {
        await this.encode(entries);
        numFailures = 0;
      } catch (error) {
        if (!this.closing.signal.aborted && ++numFailures === maxTries) return this.giveUp(error);
        await pause(retryMs * 2 ** (numFailures - 1), this.closing.signal);
      }
    }
  }

  private async encode(entries: readonly IndexedEntry[]): Promise<void> {
    const { store, embed, encoder } = this.options;
    const texts = entries.flatMap(({ question, context }) =>
      context === null ? [question] : [question, context],
    );
    const vectors = await within(maxWaitMs, this.closing.signal, (signal) => embed(texts, { signal }));
    const next = vectors.values();
    const encoded = entries.map(({ context }) => ({
      vector: next.next().value!,
      contextVector: context === null ? null : next.next().value!,
      encoder,
    }));
    await Promise.all(entries.map((entry, index) => store.encode(entry, encoded[index]!)));
  }

  private giveUp(error: unknown): void {
    const reason = messageOf(error);
    this.options.onProblem(
      `what was remembered with another encoder matches nothing until the next start: ${reason}`,
    );
  }
}

/** Also over when it is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
