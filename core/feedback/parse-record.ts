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

/** Of what is remembered; lines of earlier logs have no context. */
export const remembered = {
  id: isText,
  tenant: isText,
  account: isText,
  model: isText,
  question: isText,
  context: maybe(isText),
  answer: isText,
  source: maybe(isText),
  createdMs: isNumber,
  expiresMs: isNumber,
} as const;

const common = { id: isText, receivedAt: isTime, tenant: isText, origin: maybe(isText) };

/** A new type of record has its row here on the day it appears: without one it is not read. */
const shapes: Readonly<Record<LogRecord['type'], Shape>> = {
  feedback: fieldsOf({
    ...common,
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
  }),
  undo: fieldsOf({
    ...common,
    what: anyOf(
      fieldsOf({ kind: oneOf('row'), row: isText }),
      fieldsOf({ kind: oneOf('account'), account: isText }),
    ),
    rows: maybe(listOf(isText)),
  }),
  memory: fieldsOf({
    ...common,
    change: anyOf(
      fieldsOf({ kind: oneOf('put', 'edit'), entry: fieldsOf(remembered) }),
      fieldsOf({ kind: oneOf('forget'), entry: isText }),
    ),
  }),
};

const isFate = fieldsOf({
  id: isText,
  at: isText,
  state: anyOf(
    fieldsOf({ kind: oneOf('queued') }),
    fieldsOf({ kind: oneOf('dropped'), reason: isText }),
    fieldsOf({ kind: oneOf('trained'), version: isText }),
  ),
});

export function parseLogRecord(json: unknown): LogRecord | null {
  const { type } = Object(json) as { readonly type?: unknown };
  const isKnown = typeof type === 'string' && Object.hasOwn(shapes, type);
  return isKnown && shapes[type as LogRecord['type']](json) ? (json as LogRecord) : null;
}

export const parseFate = (json: unknown): Fate | null => (isFate(json) ? (json as Fate) : null);
