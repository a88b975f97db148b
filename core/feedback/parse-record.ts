/**
 * Lines of the feedback log and of the log of fates as records. A line is written whole or not at all, but disks forget
 * bits, and what is read here goes on to the trainer: a line that is not a record is left out by its readers.
 */
import {
  anyOf,
  fieldsOf,
  isCount,
  isNumber,
  isText,
  isTime,
  listOf,
  maybe,
  oneOf,
  recordOf,
  type Shape,
} from '../shape.ts';
import type { Fate, LogRecord } from './record.ts';

const isMessage = fieldsOf({ role: oneOf('system', 'user', 'assistant'), content: isText });

const isContext = anyOf(
  fieldsOf({ kind: oneOf('chat'), messages: listOf(isMessage) }),
  fieldsOf({ kind: oneOf('text'), prompt: isText }),
);

const isSignal = anyOf(
  fieldsOf({ kind: oneOf('correction', 'comment'), text: isText }),
  fieldsOf({ kind: oneOf('rating'), value: isNumber }),
  fieldsOf({ kind: oneOf('preference'), chosen: isText, rejected: isText }),
  fieldsOf({ kind: oneOf('demonstration') }),
);

const isFeedback = fieldsOf({
  type: oneOf('feedback'),
  id: isText,
  receivedAt: isTime,
  tenant: isText,
  account: isText,
  model: isText,
  version: maybe(isText),
  arm: maybe(isText),
  responseId: maybe(isText),
  conversation: maybe(isText),
  answeredAt: maybe(isText),
  context: isContext,
  answer: isText,
  signal: isSignal,
  redactions: recordOf(isCount),
  idempotency: maybe(fieldsOf({ key: isText, digest: isText })),
});

const isUndo = fieldsOf({
  type: oneOf('undo'),
  id: isText,
  receivedAt: isTime,
  tenant: isText,
  what: anyOf(
    fieldsOf({ kind: oneOf('row'), row: isText }),
    fieldsOf({ kind: oneOf('account'), account: isText }),
  ),
  rows: maybe(listOf(isText)),
});

const isFate = fieldsOf({
  id: isText,
  at: isTime,
  state: anyOf(
    fieldsOf({ kind: oneOf('queued') }),
    fieldsOf({ kind: oneOf('dropped'), reason: isText }),
    fieldsOf({ kind: oneOf('trained'), version: isText }),
  ),
});

const parser =
  <T>(shape: Shape) =>
  (json: unknown): T | null =>
    shape(json) ? (json as T) : null;

export const parseLogRecord = parser<LogRecord>(anyOf(isFeedback, isUndo));
export const parseFate = parser<Fate>(isFate);
