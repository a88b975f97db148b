/** Texts under names for a while, as strings of Redis. */
import type { Shelf } from '../cluster/shelf.ts';
import type { RedisLink } from './redis-link.ts';

export class RedisShelf implements Shelf {
  private readonly link: RedisLink;
  private readonly kind: string;

  /** What is on it is of a kind, "response". */
  constructor(link: RedisLink, kind: string) {
    this.link = link;
    this.kind = kind;
  }

  async put(name: string, text: string, keepMs: number): Promise<void> {
    const key = this.keyOf(name);
    await this.link.run((redis) => redis.set(key, text, 'PX', Math.max(1, Math.floor(keepMs))));
  }

  get(name: string): Promise<string | null> {
    return this.link.run((redis) => redis.get(this.keyOf(name)));
  }

  private keyOf(name: string): string {
    return this.link.key(this.kind, name);
  }
}
