/** The leader's lock as a key with a time to live. What the next term's token must exceed is kept apart, and never expires. */
import type { Leader, LeaderLock } from '../cluster/leader-lock.ts';
import type { RedisLink } from './redis-link.ts';
import { redisScript } from './redis-script.ts';

export interface RedisLeaderLockOptions {
  /** Unique to this process. */
  readonly holder: string;
  readonly ttlMs: number;
}

/** Of the latest token; aliases are held against it, too. */
export const fenceKey = (link: RedisLink): string => link.key('leader', 'fence');

/**
 * KEYS: the lock, "<fence> <holder>", and the latest token. ARGV: holder, time to live. A token is at least Redis' time in
 * milliseconds, so that it is larger than those before also when Redis has lost them.
 */
const acquire = redisScript(`
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^%d+ (.*)$') ~= ARGV[1] then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = tonumber(redis.call('GET', KEYS[2])) or 0
local fence = string.format('%.0f', math.max(latest + 1, now))
redis.call('SET', KEYS[2], fence)
redis.call('SET', KEYS[1], fence .. ' ' .. ARGV[1], 'PX', ARGV[2])
return fence
`);

/** ARGV: the lock as it must be, time to live. */
const renew = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

const release = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

export class RedisLeaderLock implements LeaderLock {
  private readonly link: RedisLink;
  private readonly options: RedisLeaderLockOptions;
  private readonly key: string;

  constructor(link: RedisLink, options: RedisLeaderLockOptions) {
    this.link = link;
    this.options = options;
    this.key = link.key('leader');
  }

  async acquire(): Promise<number | null> {
    const { holder, ttlMs } = this.options;
    const fence = await this.link.evaluate(acquire, [this.key, fenceKey(this.link)], [holder, ttlMs]);
    return fence === null ? null : Number(fence);
  }

  async renew(fence: number): Promise<boolean> {
    const { ttlMs } = this.options;
    return (await this.link.evaluate(renew, [this.key], [this.heldAs(fence), ttlMs])) === 1;
  }

  async release(fence: number): Promise<void> {
    await this.link.evaluate(release, [this.key], [this.heldAs(fence)]);
  }

  async leader(): Promise<Leader | null> {
    const held = await this.link.run((redis) => redis.get(this.key));
    const parts = /^(\d+) (.*)$/s.exec(held ?? '');
    return parts === null ? null : { fence: Number(parts[1]), holder: parts[2]! };
  }

  private heldAs(fence: number): string {
    return `${fence} ${this.options.holder}`;
  }
}
