/**
 * One connection to one Redis at a time, and another one when it is lost. What is asked has a deadline, and is not queued
 * while there is no connection. One that missed a deadline, or whose Redis takes no writes, is given up: whatever waits on it
 * fails at once, and what comes later does not wait for it.
 */
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisAddress } from './redis-address.ts';
import { failureOf, RedisUnavailable } from './redis-failure.ts';

export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** In Redis' list of clients. */
  readonly name: string;
  /** For one piece of work. */
  readonly deadlineMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface ConnectionState {
  readonly isUp: boolean;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** What went wrong last; null when nothing ever did. */
  readonly lastError: string | null;
}

export interface ConnectionEvents {
  /** A new connection can be used. */
  onUp(redis: Redis): void;
  /** It was lost, or, at the start, not made; not when it was closed. */
  onDown(reason: RedisUnavailable): void;
}

/** The wait before another attempt grows to this, halved at random, so that replicas do not come back all at once. */
const backOff = { firstMs: 25, maxMs: 500 };
/** For the connection itself, TLS included, and its first answer. */
const minConnectMs = 1_000;
/** A connection that nothing runs on is tried this often. */
const probeMs = 1_000;
/** For the farewell of a socket that is given up. */
const farewellMs = 50;
/** Pieces of work that may wait for their answers at once. */
const maxPieces = 10_000;

interface Piece {
  readonly fail: (error: RedisUnavailable) => void;
}

interface Attempt {
  readonly redis: Redis;
  readonly pieces: Set<Piece>;
  isUp: boolean;
}

export class RedisConnection {
  private readonly options: ConnectionOptions;
  private readonly events: ConnectionEvents;
  private attempt: Attempt | null = null;
  private timer: NodeJS.Timeout | undefined;
  /** Connections lost or not made since work last succeeded. */
  private numFailures = 0;
  private isClosed = false;
  private isToldOf = false;
  private readonly waiting = new Set<() => void>();
  private outage = new RedisUnavailable('down', 'not connected yet');
  private sinceMs: number;
  private lastError: string | null = null;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.options = options;
    this.events = events;
    this.sinceMs = options.now();
    this.open();
  }

  state(): ConnectionState {
    return { isUp: this.attempt?.isUp ?? false, sinceMs: this.sinceMs, lastError: this.lastError };
  }

  /** Settles when there is a connection that can be used, or the time is over. */
  async up(maxMs: number): Promise<void> {
    if (this.attempt?.isUp || this.isClosed) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, maxMs);
      this.waiting.add(end);
    });
  }

  /**
   * What `work`, which only asks Redis, comes to. Throws RedisUnavailable within the deadline, and a bug's error as it is.
   * No answer within the deadline ends the connection, and thus whatever else runs on it.
   */
  run<T>(work: (redis: Redis) => Promise<T>, deadlineMs: number = this.options.deadlineMs): Promise<T> {
    const { attempt } = this;
    if (attempt === null || !attempt.isUp || this.isClosed) return Promise.reject(this.outage);
    if (attempt.pieces.size >= maxPieces) {
      return Promise.reject(new RedisUnavailable('slow', `${maxPieces} commands wait for their answers`));
    }
    return this.within(attempt, deadlineMs, work).then(
      (value) => {
        this.numFailures = 0;
        return value;
      },
      (error: unknown) => {
        if (error instanceof RedisUnavailable && error.reason === 'read_only') this.drop(attempt, error);
        throw error;
      },
    );
  }

  /** Waits for what runs, within the deadline, and ends. Nothing can be run any more. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const end of [...this.waiting]) end();
    const { attempt } = this;
    if (attempt === null) return;
    const { deadlineMs } = this.options;
    await Promise.race([settled(attempt.pieces), passed(deadlineMs)]);
    const ended = new Promise<void>((resolve) => attempt.redis.once('end', () => resolve()));
    this.drop(attempt, new RedisUnavailable('down', 'the link was closed'));
    await Promise.race([ended, passed(2 * farewellMs)]);
  }

  private within<T>(attempt: Attempt, deadlineMs: number, work: (redis: Redis) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        attempt.pieces.delete(piece);
      };
      const piece: Piece = {
        fail(error) {
          end();
          reject(error);
        },
      };
      const late = (): void => {
        if (!attempt.pieces.has(piece)) return;
        this.drop(attempt, new RedisUnavailable('slow', `no answer within ${deadlineMs} ms`));
      };
      // An answer may be there, unread, while this process was busy with something else: the socket is read first.
      const timer = setTimeout(() => setImmediate(late), deadlineMs);
      attempt.pieces.add(piece);
      work(attempt.redis).then(
        (value) => {
          end();
          resolve(value);
        },
        (error: unknown) => {
          end();
          reject(failureOf(error));
        },
      );
    });
  }

  private open(): void {
    const { address, name } = this.options;
    const connectMs = this.connectMs();
    const redis = new Redis({
      ...address.options,
      connectionName: name,
      connectTimeout: connectMs,
      disconnectTimeout: farewellMs,
      disableClientInfo: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      retryStrategy: null,
      lazyConnect: true,
      keepAlive: 10_000,
    });
    const attempt: Attempt = { redis, pieces: new Set(), isUp: false };
    this.attempt = attempt;
    let said: Error | null = null;
    redis.on('error', (error: Error) => {
      said ??= error;
    });
    redis.once('end', () => this.drop(attempt, unreachable(said ?? new Error('the connection was closed'))));
    this.within(attempt, connectMs, () => greeted(redis)).then(
      () => this.begin(attempt),
      (error: unknown) => this.drop(attempt, unreachable(said ?? error)),
    );
  }

  private connectMs(): number {
    return Math.max(minConnectMs, this.options.deadlineMs);
  }

  private begin(attempt: Attempt): void {
    if (this.attempt !== attempt || this.isClosed) return;
    attempt.isUp = true;
    this.isToldOf = true;
    this.sinceMs = this.options.now();
    this.probe(attempt);
    for (const end of [...this.waiting]) end();
    this.events.onUp(attempt.redis);
  }

  /** Notices a connection that has died without a word. */
  private probe(attempt: Attempt): void {
    this.timer = setTimeout(() => {
      if (this.attempt !== attempt) return;
      const asked =
        attempt.pieces.size > 0
          ? Promise.resolve()
          : this.within(attempt, this.options.deadlineMs, (redis) => redis.ping());
      const next = (): void => {
        if (this.attempt === attempt && !this.isClosed) this.probe(attempt);
      };
      asked.then(next, next);
    }, probeMs);
  }

  private drop(attempt: Attempt, reason: RedisUnavailable): void {
    if (this.attempt !== attempt) return;
    const wasUp = attempt.isUp;
    this.attempt = null;
    attempt.isUp = false;
    attempt.redis.disconnect();
    for (const piece of [...attempt.pieces]) piece.fail(reason);
    this.outage = reason;
    if (wasUp) this.sinceMs = this.options.now();
    if (this.isClosed) return;
    this.lastError = String(reason.details.reason);
    this.openLater();
    if (wasUp || !this.isToldOf) this.events.onDown(reason);
    this.isToldOf = true;
  }

  private openLater(): void {
    clearTimeout(this.timer);
    const waitMs = Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(this.numFailures, 10));
    this.numFailures += 1;
    this.timer = setTimeout(() => this.open(), waitMs * (0.5 + this.options.random() / 2));
  }
}

/** A server that has loaded its data, lets us in, and takes writes. */
async function greeted(redis: Redis): Promise<void> {
  await redis.connect();
  await redis.ping();
  const role = await redis.role().catch((error: Error) => {
    // Who may not ask is told by the first write.
    if (error.message.startsWith('NOPERM') || error.message.startsWith('ERR unknown')) return ['master'];
    throw error;
  });
  if (role[0] !== 'master') throw new RedisUnavailable('read_only', 'it is a replica of another one');
}

/** What a connection was not made for. */
function unreachable(error: unknown): RedisUnavailable {
  const failure = failureOf(error);
  if (failure instanceof RedisUnavailable) return failure;
  return new RedisUnavailable('down', failure instanceof Error ? failure.message : String(failure));
}

async function settled(pieces: ReadonlySet<Piece>): Promise<void> {
  while (pieces.size > 0) await passed(5);
}

/** Keeps nobody from ending. */
const passed = (ms: number): Promise<void> => setTimeoutPromise(ms, undefined, { ref: false });
