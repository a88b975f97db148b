/**
 * The link of one process to one Redis: whatever is asked ends within its deadline, with an answer or with RedisUnavailable,
 * and the link mends itself. All keys of a deployment carry one hash tag, so that a script may touch several of them.
 */
import type { Redis } from 'ioredis';
import { systemClock } from '../../core/clock.ts';
import { redisAddress } from './redis-address.ts';
import { type ConnectionOptions, type ConnectionState, RedisConnection } from './redis-connection.ts';
import { type RedisFailure, RedisUnavailable } from './redis-failure.ts';
import { evaluate, type RedisScript } from './redis-script.ts';
import { type MessageListener, Subscriptions } from './subscriptions.ts';

export interface RedisLinkOptions {
  /** redis:// or rediss://, see redis-address.ts. */
  readonly url: string;
  /** Of the deployment: letters, digits, ".", "_" and "-", 1 to 64 of them. */
  readonly name: string;
  /** Of this process, in Redis' list of clients. */
  readonly client: string;
  /** For a command, or for the few of one piece of work together. */
  readonly commandMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Hears of each piece of work, but not of a duplicate's; null is one that succeeded. Must be quick. */
  readonly onWork?: (failure: RedisFailure | null, tookMs: number) => void;
  /** Hears of the connection for commands, when it comes and goes. Must not throw. */
  readonly onState?: (state: ConnectionState) => void;
}

const namePattern = /^[\w.-]{1,64}$/;

export class RedisLink {
  /** Where Redis is, without user and password. */
  readonly shown: string;
  readonly commandMs: number;
  private readonly options: RedisLinkOptions;
  private readonly connection: RedisConnection;
  private readonly duplicates = new Set<RedisLink>();
  private subscriptions: Subscriptions | null = null;
  private isClosed = false;

  /** Connects by itself, now and whenever the connection is lost. Throws invalid_argument for what is no URL of a Redis. */
  constructor(options: RedisLinkOptions) {
    if (!namePattern.test(options.name)) throw new RangeError(`"${options.name}" cannot name a deployment`);
    this.options = options;
    this.commandMs = options.commandMs;
    this.shown = redisAddress(options.url).shown;
    const tell = (): void => options.onState?.(this.state());
    this.connection = new RedisConnection(this.connectionOptions(options.client), {
      onUp: tell,
      onDown: tell,
    });
  }

  state(): ConnectionState {
    return this.connection.state();
  }

  /** Settles when Redis can be used, or the time is over: for what would wait anyway. */
  up(maxMs: number): Promise<void> {
    return this.connection.up(maxMs);
  }

  /** "aliases" → "{name}:aliases". */
  key(...parts: readonly string[]): string {
    return [`{${this.options.name}}`, ...parts].join(':');
  }

  /**
   * What `work` comes to, which asks Redis and does nothing else. Throws RedisUnavailable; whether what failed by "down" or
   * "slow" was done is not known. `deadlineMs` is for commands that block, on a link of their own.
   */
  async run<T>(
    work: (redis: Redis) => Promise<T>,
    { deadlineMs = this.commandMs }: { readonly deadlineMs?: number } = {},
  ): Promise<T> {
    const startMs = systemClock.nowMs();
    const told = (failure: RedisFailure | null): void =>
      this.options.onWork?.(failure, systemClock.nowMs() - startMs);
    try {
      const result = await this.connection.run(work, deadlineMs);
      told(null);
      return result;
    } catch (error) {
      if (error instanceof RedisUnavailable) told(error.reason);
      throw error;
    }
  }

  /** All of it happens, or nothing. Throws RedisUnavailable. */
  evaluate(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.run((redis) => evaluate(redis, script, keys, args));
  }

  /** Calls with each message of a channel, whose name is a key's. Ends the calls when the result is called. Never throws. */
  subscribe(channel: string, listener: MessageListener): () => void {
    if (this.isClosed) return () => {};
    this.subscriptions ??= new Subscriptions(this.connectionOptions(`${this.options.client}:messages`));
    return this.subscriptions.add(channel, listener);
  }

  /** Another link to the same Redis, for commands that block; it is closed with this one, if it was not before. */
  duplicate(purpose: string): RedisLink {
    const { onState: _state, onWork: _work, ...options } = this.options;
    const link = new RedisLink({ ...options, client: `${options.client}:${purpose}` });
    this.duplicates.add(link);
    return link;
  }

  /** Lets what runs end, within the deadline of a command. */
  async close(): Promise<void> {
    this.isClosed = true;
    const links = [...this.duplicates];
    this.duplicates.clear();
    await Promise.all([
      this.connection.close(),
      this.subscriptions?.close(),
      ...links.map((link) => link.close()),
    ]);
  }

  private connectionOptions(client: string): ConnectionOptions {
    const { url, commandMs, random, now = Date.now } = this.options;
    return {
      address: redisAddress(url),
      name: `millrace:${client}`.replace(/[^!-~]/g, '-').slice(0, 100),
      deadlineMs: commandMs,
      random,
      now,
    };
  }
}
