/** How it goes with a log that is carried between replicas, for metrics. */
import type { LogReceiver } from './log-receiver.ts';
import type { LogSender } from './log-sender.ts';
import type { Unsent } from './unsent-rows.ts';

export interface CarriedLog {
  /** "feedback". */
  readonly log: string;
  readonly direction: 'sent' | 'received';
  readonly numLines: number;
  /** Whether it is carried at present. */
  readonly isUp: boolean;
  /** Times that lines were dropped from the stream before they were read here; 0 of what is sent. */
  readonly numGaps: number;
  /** Times that all of it was sent once more, since another replica asked for that. */
  readonly numResends: number;
  /** What of it waits to be sent; null where that is not counted. */
  readonly unsent: Unsent | null;
}

interface Sending {
  readonly numResends?: number;
  readonly unsent?: Unsent | null;
}

export const sentBy = (
  log: string,
  sender: LogSender,
  { numResends = 0, unsent = null }: Sending = {},
): CarriedLog => ({
  log,
  direction: 'sent',
  numLines: sender.numSent,
  isUp: sender.isSending,
  numGaps: 0,
  numResends,
  unsent,
});

export const receivedBy = <T extends object>(log: string, receiver: LogReceiver<T>): CarriedLog => ({
  log,
  direction: 'received',
  numLines: receiver.numReceived,
  isUp: receiver.isReceiving,
  numGaps: receiver.numGaps,
  numResends: 0,
  unsent: null,
});
