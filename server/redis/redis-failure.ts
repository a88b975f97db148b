/** Why Redis could not be used: every failure that is not our own mistake, under one error. */
import { MillraceError } from '../../core/errors.ts';

/**
 * down: there is no connection, or it was lost. slow: no answer within the deadline. read_only: it does not take writes.
 * out_of_memory: it has none left for the write. denied: credentials or their rights do not suffice. refused: it answered
 * with another error.
 */
export const redisFailures = ['down', 'slow', 'read_only', 'out_of_memory', 'denied', 'refused'] as const;
export type RedisFailure = (typeof redisFailures)[number];

const retryAfterMs = 1_000;

/** Whether a command that failed by `down` or `slow` was done is not known. */
export class RedisUnavailable extends MillraceError {
  readonly reason: RedisFailure;

  constructor(reason: RedisFailure, detail: string) {
    super('cluster_unavailable', { reason: `Redis is ${spoken[reason]}: ${detail}`, retryAfterMs });
    this.name = 'RedisUnavailable';
    this.reason = reason;
  }
}

const spoken: Readonly<Record<RedisFailure, string>> = {
  down: 'not reachable',
  slow: 'too slow',
  read_only: 'read-only',
  out_of_memory: 'out of memory',
  denied: 'not ours to use so',
  refused: 'refusing',
};

/** First words of Redis' error replies. */
const byFirstWord: Readonly<Record<string, RedisFailure>> = {
  READONLY: 'read_only',
  MISCONF: 'read_only',
  NOREPLICAS: 'read_only',
  OOM: 'out_of_memory',
  LOADING: 'down',
  MASTERDOWN: 'down',
  CLUSTERDOWN: 'down',
  TRYAGAIN: 'down',
  UNBLOCKED: 'down',
  BUSY: 'slow',
  NOAUTH: 'denied',
  WRONGPASS: 'denied',
  NOPERM: 'denied',
};
/** Redis 6 puts the reply of a command within a script behind words of its own. */
const withinScript = new RegExp(`-(${Object.keys(byFirstWord).join('|')}) `);

export function replyFailure(message: string): RedisFailure {
  const word = /^[A-Z]+/.exec(message)?.[0] ?? '';
  return byFirstWord[word] ?? byFirstWord[withinScript.exec(message)?.[1] ?? ''] ?? 'refused';
}

/** What the client says when a connection ends under a command. */
const connectionErrors =
  /^Connection is closed|^Stream isn't writeable|^Command aborted due to connection close/;

/** An error of the client or of Redis as RedisUnavailable; any other one, a bug above all, as it is. */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MillraceError) return error;
  if (error.name === 'ReplyError') return new RedisUnavailable(replyFailure(error.message), error.message);
  const { code } = error as NodeJS.ErrnoException;
  const isOfConnection = error.name === 'MaxRetriesPerRequestError' || connectionErrors.test(error.message);
  if (isOfConnection || typeof code === 'string') return new RedisUnavailable('down', error.message || code!);
  return error;
}
