/** The feedback log of this replica goes to all others, and theirs comes here. */
import { join } from 'node:path';
import { readLog } from '../../core/feedback/log-reader.ts';
import type { LogRecord } from '../../core/feedback/record.ts';
import { logStart } from '../../core/feedback/segments.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import { within } from '../../core/within.ts';
import type { Keeper } from '../feedback/keeper.ts';
import { type CarriedLog, receivedBy, sentBy } from './carried-log.ts';
import { LogReceiver } from './log-receiver.ts';
import { LogResend } from './log-resend.ts';
import { LogSender } from './log-sender.ts';
import type { LogStream } from './log-stream.ts';
import type { MirrorOptions } from './mirror-options.ts';
import { originOf } from './origin.ts';
import { UnsentRows } from './unsent-rows.ts';

export interface FeedbackMirrorOptions extends MirrorOptions {
  readonly layout: Pick<LearningLayout, 'feedback' | 'cursors'>;
  readonly keeper: Pick<Keeper, 'call'>;
  readonly stream: LogStream;
  /** Hears of records of other replicas that are durable here and were not there before. Must not throw. */
  readonly onReceived: (records: readonly LogRecord[]) => void;
  /** Between the beginnings of two times that all of the log is sent again, for replicas that are new or were away. */
  readonly minResendIntervalMs?: number;
}

export interface FeedbackMirror {
  readonly sender: LogSender;
  readonly receiver: LogReceiver<LogRecord>;
  /** What this replica sends once more since another one has missed something. */
  readonly resend: LogResend;
  /** This replica has appended something. */
  wake(): void;
  state(): readonly CarriedLog[];
  close(): Promise<void>;
}

/** The keeper wakes the sender: looks in between find what was written while nobody did, and whether the stream is whole. */
const sendPollMs = 1_000;
const defaultResendIntervalMs = 60_000;
/** Longer than the keeper takes for anything: what ends the wait before is the close. */
const maxAppendMs = 120_000;

/** Among the records of the stream, what is none: a replica has missed something, and asks the others to send all again. */
const resendType = 'resend';
const resendRequest = (origin: string): string => JSON.stringify({ type: resendType, origin });
const isResendRequest = ({ type }: { readonly type: string }): boolean => type === resendType;

export async function openFeedbackMirror(options: FeedbackMirrorOptions): Promise<FeedbackMirror> {
  const { layout, keeper, onReceived, onProblem } = options;
  const name = 'feedback';
  const sender = await LogSender.open({
    ...options,
    name,
    log: layout.feedback,
    cursor: join(layout.cursors, 'feedback-sent.json'),
    pollMs: sendPollMs,
  });
  const unsent = new UnsentRows({
    log: layout.feedback,
    origin: options.origin,
    sentTo: () => sender.sentTo,
    pollMs: sendPollMs,
  });
  const resend = await LogResend.open({
    ...options,
    name,
    log: layout.feedback,
    cursor: join(layout.cursors, 'feedback-resent.json'),
    askers: join(layout.cursors, 'feedback-resent-for.json'),
    pollMs: sendPollMs,
    minIntervalMs: options.minResendIntervalMs ?? defaultResendIntervalMs,
  });
  const receiver = await LogReceiver.open<LogRecord>({
    ...options,
    name,
    cursor: join(layout.cursors, 'feedback-received'),
    isEmpty: await isEmptyLog(layout.feedback),
    takesOwn: true,
    async onGap() {
      await options.stream.append([resendRequest(options.origin)], null);
    },
    async append(received, signal) {
      const askers = received.filter(isResendRequest).map(originOf);
      for (const by of askers) if (by !== options.origin) await resend.ask(String(by));
      const others = received.filter((record) => !isResendRequest(record));
      const records = others.filter(isLogRecord);
      if (records.length < others.length)
        onProblem(`${others.length - records.length} records of other replicas are none, and are left out`);
      if (records.length === 0) return;
      const ids = new Set(await within(maxAppendMs, signal, () => keeper.call('receive', records)));
      if (ids.size > 0) onReceived(records.filter(({ id }) => ids.has(id)));
    },
  });
  return {
    sender,
    receiver,
    resend,
    wake: () => sender.wake(),
    state: () => [
      sentBy(name, sender, { numResends: resend.numResends, unsent: unsent.state() }),
      receivedBy(name, receiver),
    ],
    async close() {
      await receiver.close();
      await Promise.all([sender.close(), resend.close(), unsent.close()]);
    },
  };
}

const isEmptyLog = async (folder: string): Promise<boolean> =>
  (await readLog(folder, logStart, (json) => json as object)).records.length === 0;

/** What a replica of another version may send is left out where it would harm whoever reads the log. */
function isLogRecord(record: LogRecord): boolean {
  const { type, id, tenant } = record as Partial<Record<'type' | 'id' | 'tenant', unknown>>;
  const isKnown = type === 'feedback' || type === 'undo' || type === 'memory';
  return isKnown && typeof id === 'string' && id.length <= 128 && typeof tenant === 'string';
}
