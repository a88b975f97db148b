/** What this server shares with others, as the configuration says; on its own it shares nothing. */
import { hostname } from 'node:os';
import { systemClock } from '../core/clock.ts';
import { FallbackLimits } from './admission/fallback-limits.ts';
import type { Limits } from './admission/limits.ts';
import { MemoryLimits } from './admission/memory-limits.ts';
import type { Config } from './config/declaration.ts';
import type { ClusterMetrics } from './observability/cluster-metrics.ts';
import { redisAddress } from './redis/redis-address.ts';
import type { ConnectionState } from './redis/redis-connection.ts';
import { RedisLimits } from './redis/redis-limits.ts';
import { RedisLink } from './redis/redis-link.ts';

export interface Cluster {
  /** Null for a server on its own. */
  readonly link: RedisLink | null;
  readonly keyLimits: Limits;
  /** Whether Redis can be used; null for a server on its own. */
  isUp(): boolean | null;
  close(): Promise<void>;
}

export interface ClusterView {
  readonly metrics: Pick<ClusterMetrics, 'recordWork'>;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
}

/** Does not wait for Redis, which may come later. Throws invalid_argument for what is no address of one. */
export function openCluster(config: Config, view: ClusterView): Cluster {
  const local = new MemoryLimits(systemClock);
  if (config['cluster.redisUrl'] === '') {
    return { link: null, keyLimits: local, isUp: () => null, close: async () => {} };
  }
  const link = openLink(config, view);
  return {
    link,
    keyLimits: new FallbackLimits(new RedisLimits(link), local, config['cluster.limitsWithoutRedis']),
    isUp: () => link.state().isUp,
    close: () => link.close(),
  };
}

/** Name of this server among those that act as one. */
export const replicaName = (config: Config): string =>
  config['cluster.replica'] === '' ? hostname() : config['cluster.replica'];

function openLink(config: Config, { metrics, info, warn }: ClusterView): RedisLink {
  const url = config['cluster.redisUrl'];
  const { shown } = redisAddress(url);
  return new RedisLink({
    url,
    name: config['cluster.name'],
    client: replicaName(config),
    commandMs: config['cluster.commandMs'],
    random: Math.random,
    onWork: (failure, tookMs) => metrics.recordWork(failure, tookMs),
    onState: ({ isUp, lastError }: ConnectionState) => {
      if (isUp) info(`connected to ${shown}`);
      else warn(`${shown}: ${lastError}; limits of API keys: ${config['cluster.limitsWithoutRedis']}`);
    },
  });
}
