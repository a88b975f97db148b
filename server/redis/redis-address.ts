/** Where a Redis is, out of its URL: redis://[user[:password]@]host[:port][/database], or rediss:// for TLS. */
import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import { MillraceError } from '../../core/errors.ts';

export interface RedisAddress {
  readonly options: Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>;
  /** Without user and password. */
  readonly shown: string;
}

const defaultPort = 6379;

/** Throws invalid_argument, without the URL, which holds a password. */
export function redisAddress(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') throw notOne();
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (database === undefined || url.search !== '' || url.hash !== '') throw notOne();
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? defaultPort : Number(url.port);
  return {
    options: {
      host,
      port,
      db: Number(database),
      ...(url.username === '' ? {} : { username: decoded(url.username) }),
      ...(url.password === '' ? {} : { password: decoded(url.password) }),
      ...(url.protocol === 'rediss:' ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
    },
    shown: `${url.protocol}//${url.host}${url.pathname}`,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notOne();
  }
}

function notOne(): MillraceError {
  const message =
    'The URL of Redis is not one like redis://user:password@host:6379/0 or rediss://host:6380 (percent-encode what is special in user and password).';
  return new MillraceError('invalid_argument', { message }, { param: 'cluster.redisUrl' });
}
