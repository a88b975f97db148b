/** Follows the log of versions: what the trainer publishes is served as soon as it is in the engine. */
import { readLog } from '../../core/feedback/log-reader.ts';
import { readPosition } from '../../core/feedback/read-position.ts';
import type { Position } from '../../core/feedback/segments.ts';
import { Pump } from '../../core/pump.ts';
import type { VersionEvent } from '../../core/registry/learning-layout.ts';
import { replaceFile } from '../../core/replace-file.ts';

export interface WatchOptions {
  /** Folder of the log. */
  readonly log: string;
  /** File that holds the place in it. */
  readonly cursor: string;
  /** Is called again with the same event when it fails. */
  readonly onEvent: (event: VersionEvent) => Promise<void>;
  readonly onProblem: (message: string) => void;
  /** Whether a failure is of the surroundings, and says nothing of the event: it is tried again for as long as it takes. */
  readonly isPassing?: (error: unknown) => boolean;
  /** Until an event that has failed comes again for the first time; then twice as long each time. */
  readonly retryMs?: number;
}

const pollMs = 50;
const defaultRetryMs = 500;
/** An event that fails this often of itself is given up. */
const maxAttempts = 6;

export class VersionWatch {
  private readonly options: WatchOptions;
  private position: Position;
  private readonly pump: Pump;
  /** How often the event whose turn it is has failed of itself. */
  private attempts = 0;

  private constructor(options: WatchOptions, position: Position) {
    this.options = options;
    this.position = position;
    const { retryMs: minRetryMs = defaultRetryMs } = options;
    const onProblem = (message: string): void => options.onProblem(`a version waits: ${message}`);
    this.pump = new Pump({ work: (signal) => this.advance(signal), pollMs, minRetryMs, onProblem });
  }

  static async open(options: WatchOptions): Promise<VersionWatch> {
    const onDamage = (): void =>
      options.onProblem('the place in the log of versions is unknown: it is read again');
    return new VersionWatch(options, await readPosition(options.cursor, onDamage));
  }

  /** Waits for the event that is under way. */
  close(): Promise<void> {
    return this.pump.close();
  }

  /** Whether there was anything. */
  private async advance(signal: AbortSignal): Promise<boolean> {
    const { log, cursor, onEvent, isPassing = () => false } = this.options;
    const read = await readLog(log, this.position, (json) => json as VersionEvent);
    for (const { record, position } of read.records) {
      if (signal.aborted) return false;
      try {
        await onEvent(record);
      } catch (error) {
        if (isPassing(error) || isOfSystem(error) || ++this.attempts < maxAttempts) throw error;
        this.options.onProblem(`a version was given up: ${error instanceof Error ? error.message : error}`);
      }
      this.attempts = 0;
      this.position = position;
      await replaceFile(cursor, JSON.stringify(position));
    }
    return read.records.length > 0;
  }
}

/** What is no fault of a version: the disk is full or away, or there is too little of something else for a while. */
const codesOfSystem = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);
const isOfSystem = (error: unknown): boolean =>
  codesOfSystem.has((error as NodeJS.ErrnoException | null)?.code ?? '');
