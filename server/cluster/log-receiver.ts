/**
 * Takes what other replicas have sent from the stream, as the group of this replica, and acknowledges it when it is on the
 * disk here. What comes twice has to change nothing.
 */

import { Pump } from '../../core/pump.ts';
import { readIfThere } from '../../core/read-if-there.ts';
import { replaceFile } from '../../core/replace-file.ts';
import type { LogStream, StreamEntry, StreamRead } from './log-stream.ts';
import { originOf } from './origin.ts';

export interface LogReceiverOptions<T extends object> {
  /** As problems name it: "feedback". */
  readonly name: string;
  readonly stream: LogStream;
  /** File that holds about how far it has read, for the day on which its group is gone. */
  readonly cursor: string;
  /** Id of this replica: its group, and the origin of what it takes not. */
  readonly origin: string;
  /** Makes them durable, in order, and drops those that are there. What fails comes again. */
  readonly append: (records: readonly T[], signal: AbortSignal) => Promise<void>;
  /** Nothing is in the log here, whatever the file says. */
  readonly isEmpty?: boolean;
  /** Records of this replica itself are taken, too, so that those that it has lost come back: `append` knows those that are there. */
  readonly takesOwn?: boolean;
  /** Is called when entries are missing here, also to a replica that is new, and again when it failed. */
  readonly onGap?: () => Promise<void>;
  readonly pollMs: number;
  /** Groups of replicas that have not read for so long are removed. */
  readonly groupIdleMs: number;
  readonly onProblem: (message: string) => void;
}

const maxEntries = 64;
const sweepEveryMs = 3_600_000;
const saveEveryMs = 10_000;

export class LogReceiver<T extends object> {
  numReceived = 0;
  /** Times that it was found that entries were dropped before this replica had read them. */
  numGaps = 0;
  private readonly options: LogReceiverOptions<T>;
  private readonly pump: Pump;
  /** After a start and a failure, what was given out before comes first. */
  private which: 'pending' | 'new' = 'pending';
  private sweptMs = Number.NEGATIVE_INFINITY;
  private hasGap = false;
  /** Where nothing is known here of what was read before, as of a replica that has lost its folder, all that there is comes again. */
  private hasBegun: boolean;
  /** Only from then on the file says how far it is: until then a start begins anew once more. */
  private isCaughtUp: boolean;
  /** Id of the last entry that was acknowledged. */
  private last: string | null;
  private saved: string | null;
  private savedMs = performance.now();

  private constructor(options: LogReceiverOptions<T>, last: string | null) {
    this.options = options;
    this.last = last;
    this.saved = last;
    [this.hasBegun, this.isCaughtUp] = [last !== null, last !== null];
    this.pump = new Pump({
      pollMs: options.pollMs,
      work: (signal) => this.advance(signal),
      onProblem: (message) => options.onProblem(`${options.name} of other replicas waits: ${message}`),
    });
  }

  static async open<T extends object>(options: LogReceiverOptions<T>): Promise<LogReceiver<T>> {
    const isEmpty = options.isEmpty ?? false;
    return new LogReceiver(options, isEmpty ? null : await readIfThere(options.cursor));
  }

  /** Whether it takes what comes at present. */
  get isReceiving(): boolean {
    return this.pump.numFailures === 0;
  }

  wake(): void {
    this.pump.wake();
  }

  async close(): Promise<void> {
    await this.pump.close();
    await this.save().catch(() => null);
  }

  /** Whether there was anything. */
  private async advance(signal: AbortSignal): Promise<boolean> {
    const { which } = this;
    this.which = 'pending';
    if (!this.hasBegun) await this.beginAnew();
    if (this.hasGap) await this.options.onGap?.();
    this.hasGap = false;
    const any = await this.take(which, signal);
    this.which = any ? which : 'new';
    if (any || which === 'pending') return true;
    this.isCaughtUp = true;
    if (this.saved === null) await this.save();
    await this.sweep();
    return false;
  }

  /** A group that was given more than this replica knows of would never be given it again. */
  private async beginAnew(): Promise<void> {
    const { stream, origin, name, onProblem } = this.options;
    if (await stream.forget(origin)) {
      const what = 'all that the stream holds is read again';
      onProblem(
        `${name}: nothing is here of what this replica had read before, as after the loss of its volume: ${what}`,
      );
      if (await stream.isCut()) this.tellOfCut();
    }
    this.hasBegun = true;
  }

  private tellOfCut(): void {
    const { name, onProblem, onGap } = this.options;
    const rest = onGap === undefined ? 'is missing here' : 'is asked of the other replicas';
    onProblem(`${name}: the stream does not reach back to its beginning: what was dropped from it ${rest}`);
  }

  private async take(which: 'pending' | 'new', signal: AbortSignal): Promise<boolean> {
    const { stream, origin, append, takesOwn = false } = this.options;
    const read = await stream.read(origin, which, maxEntries);
    const { entries } = read;
    if (await this.hasMissed(read)) this.noteGap();
    if (read.isNew && this.last === null && (await stream.isCut())) this.hasGap = true;
    if (entries.length === 0) return false;
    const isOther = (record: T): boolean => originOf(record) !== origin;
    const records = entries.flatMap((entry) => this.parse(entry)).filter((each) => takesOwn || isOther(each));
    if (records.length > 0) await append(records, signal);
    await stream.acknowledge(
      origin,
      entries.map(({ id }) => id),
    );
    this.numReceived += records.filter(isOther).length;
    this.last = entries.at(-1)!.id;
    if (this.saved === null || performance.now() - this.savedMs >= saveEveryMs) await this.save();
    return true;
  }

  private async hasMissed({ entries, isBehind, isNew }: StreamRead): Promise<boolean> {
    if (isBehind || entries.some(({ text }) => text === null)) return true;
    // A group that was removed begins anew: what lies between is gone if the last that it had read is.
    return isNew && this.last !== null && (await this.options.stream.stateOf(this.last)) === 'dropped';
  }

  private async save(): Promise<void> {
    this.savedMs = performance.now();
    if (!this.isCaughtUp || this.last === null || this.last === this.saved) return;
    await replaceFile(this.options.cursor, this.last);
    this.saved = this.last;
  }

  private noteGap(): void {
    this.numGaps++;
    this.hasGap = true;
    const { name, onProblem } = this.options;
    onProblem(
      `${name}: this replica was away for longer than the stream reaches back; what was dropped meanwhile is missing here`,
    );
  }

  private parse({ id, text }: StreamEntry): T[] {
    if (text === null) return [];
    try {
      const record = JSON.parse(text) as T;
      if (typeof record === 'object' && record !== null) return [record];
    } catch {
      // Told below.
    }
    this.options.onProblem(
      `${this.options.name}: the entry ${id} of the stream is no record and is left out`,
    );
    return [];
  }

  private async sweep(): Promise<void> {
    if (performance.now() - this.sweptMs < sweepEveryMs) return;
    this.sweptMs = performance.now();
    await this.options.stream.dropGroups(this.options.groupIdleMs);
  }
}
