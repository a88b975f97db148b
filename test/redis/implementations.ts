/** Real links to one real Redis, for suites that run over Redis and over what needs none. */
import { after } from 'node:test';
import { RedisLink } from '../../server/redis/redis-link.ts';
import { until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';

/** Of how what is tested is made; `T` is what the suite opens. */
export interface Implementation<T> {
  readonly name: string;
  /** Why it is skipped. */
  readonly skip: string | false;
  /** Something that shares nothing with what was opened before. */
  open(): Promise<T>;
}

export interface RedisFixture {
  /** Starts with the first call; ends with the tests of the file. */
  server(): Promise<RedisServer>;
  /** To a deployment of its own, unless it is named. */
  link(name?: string): Promise<RedisLink>;
}

/** To be called at the top of a file of tests. */
export function redisFixture(): RedisFixture {
  let started: Promise<RedisServer> | null = null;
  let numNames = 0;
  const links: RedisLink[] = [];
  const server = (): Promise<RedisServer> => {
    started ??= RedisServer.start();
    return started;
  };
  after(async () => {
    await Promise.all(links.map((link) => link.close()));
    await (await started)?.close();
  });
  return {
    server,
    async link(name = `deployment-${numNames++}`) {
      const { url } = await server();
      // Not what these suites are about: on a busy machine an answer may take its time.
      const link = new RedisLink({ url, name, client: 'test', commandMs: 5_000, random: Math.random });
      links.push(link);
      await until(() => link.state().isUp, 'the link is up');
      return link;
    },
  };
}

export { noRedis };
