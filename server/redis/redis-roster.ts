/** The replicas of a deployment: when each was heard of, by Redis' clock, and what it said. */

import { type LiveReplica, maxReplicas, type ReplicaStatus, type Roster } from '../cluster/roster.ts';
import { statusText } from './check-status.ts';
import type { RedisLink } from './redis-link.ts';
import { redisScript } from './redis-script.ts';

export interface RedisRosterOptions {
  /** From an announcement on. */
  readonly ttlMs: number;
}

/**
 * KEYS: a sorted set of ids by the milliseconds of their last announcement, and a hash of what they said. ARGV: id, status,
 * time to live, most replicas. Those beyond their time go; the whole goes when nobody has announced itself for long.
 */
const announce = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local isKnown = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not isKnown and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3] * 2) end
return 1
`);

/** ARGV: time to live. Returns pairs of a status and the milliseconds since. */
const list = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now - ARGV[1]), '+inf', 'WITHSCORES')
local alive = {}
for i = 1, #found, 2 do
  local status = redis.call('HGET', KEYS[2], found[i])
  if status then
    table.insert(alive, status)
    table.insert(alive, now - found[i + 1])
  end
end
return alive
`);

const leave = redisScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('HDEL', KEYS[2], ARGV[1])
`);

export class RedisRoster implements Roster {
  private readonly link: RedisLink;
  private readonly ttlMs: number;
  private readonly keys: readonly [seen: string, said: string];

  constructor(link: RedisLink, { ttlMs }: RedisRosterOptions) {
    this.link = link;
    this.ttlMs = ttlMs;
    this.keys = [link.key('replicas', 'seen'), link.key('replicas', 'said')];
  }

  async announce(status: ReplicaStatus): Promise<void> {
    await this.link.evaluate(announce, this.keys, [status.id, statusText(status), this.ttlMs, maxReplicas]);
  }

  async leave(id: string): Promise<void> {
    await this.link.evaluate(leave, this.keys, [id]);
  }

  async list(): Promise<readonly LiveReplica[]> {
    const answer = (await this.link.evaluate(list, this.keys, [this.ttlMs])) as (string | number)[];
    const replicas: LiveReplica[] = [];
    for (let i = 0; i < answer.length; i += 2) {
      const status = JSON.parse(answer[i] as string) as ReplicaStatus;
      replicas.push({ ...status, seenMsAgo: Number(answer[i + 1]) });
    }
    return replicas.sort((one, other) => (one.id < other.id ? -1 : 1));
  }
}
