/** One call of each kind to what replicas share over Redis. */
import { MillraceError } from '../../core/errors.ts';
import { noAliases } from '../../core/registry/aliases.ts';
import type { ReplicaStatus } from '../../server/cluster/roster.ts';
import { RedisAliases } from '../../server/redis/redis-aliases.ts';
import { RedisLeaderLock } from '../../server/redis/redis-leader-lock.ts';
import { RedisLimits } from '../../server/redis/redis-limits.ts';
import { RedisLink } from '../../server/redis/redis-link.ts';
import { RedisObservations } from '../../server/redis/redis-observations.ts';
import { RedisRoster } from '../../server/redis/redis-roster.ts';
import { until } from '../until.ts';

export const commandMs = 250;
const ttlMs = 30_000;

const status: ReplicaStatus = {
  id: 'a',
  url: null,
  filesUrl: null,
  role: 'learner',
  version: '0.1.0',
  startedAt: '2026-01-01T00:00:00.000Z',
  aliasesRevision: 0,
  models: [],
};
export const rates = { key: 'key', requestsPerMinute: 1_000_000, tokensPerMinute: 0 };

export interface Shared {
  readonly link: RedisLink;
  readonly lock: RedisLeaderLock;
  readonly aliases: RedisAliases;
  readonly roster: RedisRoster;
  readonly observations: RedisObservations<number>;
  readonly limits: RedisLimits;
}

export async function openShared(url: string): Promise<Shared> {
  const link = new RedisLink({
    url,
    name: 'test',
    client: 'test',
    commandMs,
    random: Math.random,
  });
  const shared = {
    link,
    lock: new RedisLeaderLock(link, { holder: 'one', ttlMs }),
    aliases: new RedisAliases(link),
    roster: new RedisRoster(link, { ttlMs }),
    observations: new RedisObservations<number>(link, 1_000),
    limits: new RedisLimits(link),
  };
  await until(() => link.state().isUp, 'the link is up');
  await until(() => works(shared), 'all of it works');
  return shared;
}

/** One call of each kind. */
export const callsOf = ({ lock, aliases, roster, observations, limits }: Shared) => ({
  'the lock': () => lock.acquire(),
  aliases: async () => {
    const expectedRevision = (await aliases.read())?.revision ?? 0;
    const next = { ...noAliases, revision: expectedRevision + 1 };
    return aliases.replace(next, { expectedRevision, fence: null });
  },
  'the roster': () => roster.announce(status),
  'giving observations': () => observations.append([{ id: 'a', observation: 1 }]),
  'taking observations': async () => {
    const taken = await observations.take(10, 0);
    await observations.acknowledge(taken.map(({ receipt }) => receipt));
  },
  limits: () => limits.take(rates, 0),
});

export async function works(shared: Shared): Promise<boolean> {
  try {
    for (const call of Object.values(callsOf(shared))) await call();
    return true;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'cluster_unavailable') return false;
    throw error;
  }
}

export async function closeShared({ link, aliases, observations }: Shared): Promise<void> {
  await Promise.all([aliases.close(), observations.close()]);
  await link.close();
}

/** How a call ends, and after what time. */
export async function endOf(
  call: () => Promise<unknown>,
): Promise<{ readonly error: unknown; readonly tookMs: number }> {
  const beginMs = performance.now();
  const error = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { error, tookMs: performance.now() - beginMs };
}
