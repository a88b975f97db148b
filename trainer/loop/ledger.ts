/** What the trainer tells: the fate of each row, and each version that it has published or refused. Both are logs. */
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { Fate } from '../../core/feedback/record.ts';
import type { LearningLayout, VersionEvent } from '../../core/registry/learning-layout.ts';
import type { Decided } from './decided.ts';

/** Fewer than may wait for the disk. */
const maxAtOnce = 1_000;
const limits = { segmentBytes: 8 * 2 ** 20, totalBytes: 256 * 2 ** 20, maxPending: 4_096 };

export class Ledger {
  private readonly fates: LogWriter;
  private readonly versions: LogWriter;

  private constructor(fates: LogWriter, versions: LogWriter) {
    this.fates = fates;
    this.versions = versions;
  }

  static async open(layout: Pick<LearningLayout, 'fates' | 'versions'>): Promise<Ledger> {
    return new Ledger(
      await LogWriter.open(layout.fates, limits),
      await LogWriter.open(layout.versions, limits),
    );
  }

  /** Durable when it returns. */
  async tellFates(decided: readonly Decided[], at: Date): Promise<void> {
    const append = ({ id, state }: Decided) =>
      this.fates.append({ id, at: at.toISOString(), state } satisfies Fate);
    for (let from = 0; from < decided.length; from += maxAtOnce) {
      await Promise.all(decided.slice(from, from + maxAtOnce).map(append));
    }
  }

  async tellVersion(event: VersionEvent): Promise<void> {
    await this.versions.append(event);
  }

  async close(): Promise<void> {
    await this.fates.close();
    await this.versions.close();
  }
}
