/** Messages of channels, on a connection of their own: one that is subscribed can do nothing else. */
import type { Redis } from 'ioredis';
import { type ConnectionOptions, RedisConnection } from './redis-connection.ts';

/** Null: messages may have been missed, since the subscription has only begun, again or for the first time. Must not throw. */
export type MessageListener = (message: string | null) => void;

export class Subscriptions {
  private readonly listeners = new Map<string, Set<MessageListener>>();
  private readonly connection: RedisConnection;

  constructor(options: ConnectionOptions) {
    this.connection = new RedisConnection(options, {
      onUp: (redis) => this.begin(redis),
      onDown: () => {},
    });
  }

  add(channel: string, listener: MessageListener): () => void {
    const others = this.listeners.get(channel);
    this.listeners.set(channel, (others ?? new Set()).add(listener));
    if (others === undefined) this.subscribe([channel]);
    return () => this.remove(channel, listener);
  }

  close(): Promise<void> {
    this.listeners.clear();
    return this.connection.close();
  }

  private remove(channel: string, listener: MessageListener): void {
    const left = this.listeners.get(channel);
    if (left === undefined || !left.delete(listener) || left.size > 0) return;
    this.listeners.delete(channel);
    this.connection.run((redis) => redis.unsubscribe(channel)).catch(() => {});
  }

  private begin(redis: Redis): void {
    redis.on('message', (channel: string, message: string) => this.tell(channel, message));
    if (this.listeners.size > 0) this.subscribe([...this.listeners.keys()]);
  }

  /** What fails here is done when the next connection begins. */
  private subscribe(channels: readonly string[]): void {
    this.connection
      .run((redis) => redis.subscribe(...channels))
      .then(
        () => {
          for (const channel of channels) this.tell(channel, null);
        },
        () => {},
      );
  }

  private tell(channel: string, message: string | null): void {
    for (const listener of this.listeners.get(channel) ?? []) listener(message);
  }
}
