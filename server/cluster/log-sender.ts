/**
 * Sends what this replica has appended to a log on to the stream, each line at least once and in order. How far it is
 * stands on disk. What came from other replicas stays where it is.
 */
import { readLog } from '../../core/feedback/log-reader.ts';
import type { Position } from '../../core/feedback/segments.ts';
import { Pump } from '../../core/pump.ts';
import { type LogStream, maxAppend } from './log-stream.ts';
import { isOwn, originOf, stamped } from './origin.ts';
import { pause } from './pause.ts';
import {
  type Mark,
  placeAtStart,
  readSenderPlace,
  type SenderPlace,
  withMark,
  writeSenderPlace,
} from './sender-place.ts';

export interface LogSenderOptions {
  /** As problems name it: "feedback". */
  readonly name: string;
  /** Folder of the log. */
  readonly log: string;
  /** File that holds the place. */
  readonly cursor: string;
  readonly stream: LogStream;
  /** Id of this replica. */
  readonly origin: string;
  /** Between looks at a log whose writer does not wake the sender. */
  readonly pollMs: number;
  /** Replicas whose lines are sent beside those of this one. */
  readonly others?: ReadonlySet<string>;
  /** Is done before a line is sent, and again when it failed. May be called more than once for a line. */
  readonly before?: (record: object) => Promise<void>;
  /** After each batch, so that readers keep up with a log that is sent from its beginning. */
  readonly pauseMs?: number;
  /** All of the log was sent. */
  readonly onEnd?: () => void;
  readonly onProblem: (message: string) => void;
}

interface Line {
  readonly record: object;
  readonly text: string;
  readonly position: Position;
}

/** Between looks whether the stream still holds what was sent last. */
const checkEveryMs = 1_000;
/** A longer line is left out: no stream takes it within its deadline. */
const maxLineCharacters = 8 * 2 ** 20;

export class LogSender {
  numSent = 0;
  /** Lines too long to be sent. */
  numLeftOut = 0;
  private readonly options: LogSenderOptions;
  private place: SenderPlace;
  private saved: SenderPlace;
  private checkedMs = Number.NEGATIVE_INFINITY;
  private readonly pump: Pump;

  private constructor(options: LogSenderOptions, place: SenderPlace) {
    this.options = options;
    this.place = place;
    this.saved = place;
    this.pump = new Pump({
      pollMs: options.pollMs,
      work: (signal) => this.advance(signal),
      onProblem: (message) => options.onProblem(`${options.name} waits to be sent: ${message}`),
    });
  }

  static async open(options: LogSenderOptions): Promise<LogSender> {
    const onUnknown = (): void =>
      options.onProblem(`how far ${options.name} was sent is unknown: all of it is sent again`);
    return new LogSender(options, await readSenderPlace(options.cursor, options.log, onUnknown));
  }

  /** Whether the stream takes lines at present. */
  get isSending(): boolean {
    return this.pump.numFailures === 0;
  }

  /** Lines before it were sent, or are not this replica's. */
  get sentTo(): Position {
    return this.place.position;
  }

  /** There are new lines. */
  wake(): void {
    this.pump.wake();
  }

  close(): Promise<void> {
    return this.pump.close();
  }

  /** Whether there was anything. */
  private async advance(signal: AbortSignal): Promise<boolean> {
    if (performance.now() - this.checkedMs >= checkEveryMs) await this.check();
    const { log, origin, others } = this.options;
    const isSent = (record: object): boolean =>
      isOwn(record, origin) || (others?.has(originOf(record) as string) ?? false);
    const read = await readLog(log, this.place.position, (json) => json as object);
    const lines = read.records.flatMap(({ record, position }) =>
      isSent(record) ? [{ record, text: stamped(record, origin), position }] : [],
    );
    for (const batch of batchesOf(lines.filter((line) => this.fits(line)))) {
      for (const { record } of batch) await this.options.before?.(record);
      signal.throwIfAborted();
      const after = this.place.marks.at(-1)?.id ?? null;
      const texts = batch.map(({ text }) => text);
      const id = await this.options.stream.append(texts, after);
      if (id === null) {
        await this.check();
        return true;
      }
      this.place = withMark(this.place, id, batch.at(-1)!.position);
      this.numSent += batch.length;
      await this.save();
      if (this.options.pauseMs !== undefined) await pause(this.options.pauseMs, signal);
    }
    this.place = { ...this.place, position: read.position };
    if (read.records.length > 0) await this.save();
    else this.options.onEnd?.();
    return read.records.length > 0;
  }

  /** Goes back as far as the stream has lost what it was sent. */
  private async check(): Promise<void> {
    const { name, stream, onProblem } = this.options;
    const marks = [...this.place.marks];
    for (let last = marks.at(-1); last !== undefined; marks.pop(), last = marks.at(-1))
      if ((await stream.stateOf(last.id)) !== 'lost') break;
    if (marks.length < this.place.marks.length) {
      onProblem(`the stream of ${name} has lost its end: what was in it is sent again`);
      this.place = behind(marks);
      await this.save();
    }
    this.checkedMs = performance.now();
  }

  private fits({ text }: Line): boolean {
    if (text.length <= maxLineCharacters) return true;
    this.numLeftOut++;
    const { name, onProblem } = this.options;
    onProblem(`a line of ${name} with ${text.length} characters is not sent to other replicas`);
    return false;
  }

  private async save(): Promise<void> {
    if (this.place === this.saved) return;
    const { place } = this;
    await writeSenderPlace(this.options.cursor, place);
    this.saved = place;
  }
}

function behind(marks: readonly Mark[]): SenderPlace {
  const last = marks.at(-1);
  if (last === undefined) return placeAtStart;
  return { position: { segment: last.segment, offset: last.offset }, marks };
}

function* batchesOf(lines: readonly Line[]): Generator<Line[]> {
  let batch: Line[] = [];
  let characters = 0;
  for (const line of lines) {
    const isFull = batch.length >= maxAppend.records || characters + line.text.length > maxAppend.characters;
    if (isFull && batch.length > 0) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(line);
    characters += line.text.length;
  }
  if (batch.length > 0) yield batch;
}
