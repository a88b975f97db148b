/** What replicas share while a real Redis fails under them: every call ends in time, and goes on when Redis is back. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { noAliases } from '../../core/registry/aliases.ts';
import { pause, until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';
import {
  callsOf,
  closeShared,
  commandMs,
  endOf,
  openShared,
  rates,
  type Shared,
  works,
} from './shared-calls.ts';

const slackMs = 250;
const mendMs = 2_500;

interface Fault {
  readonly name: string;
  begin(server: RedisServer): unknown;
  end(server: RedisServer): unknown;
}

const faults: readonly Fault[] = [
  { name: 'SIGSTOP', begin: (server) => server.signal('SIGSTOP'), end: (server) => server.signal('SIGCONT') },
  {
    name: 'CLIENT PAUSE',
    begin: (server) => server.ask('client', 'pause', 4_000, 'WRITE'),
    end: (server) => server.ask('client', 'unpause'),
  },
  {
    name: 'read-only',
    begin: (server) => server.ask('replicaof', '127.0.0.1', 1),
    end: (server) => server.ask('replicaof', 'no', 'one'),
  },
  {
    name: 'maxmemory',
    begin: (server) => server.ask('config', 'set', 'maxmemory', 1),
    end: (server) => server.ask('config', 'set', 'maxmemory', 0),
  },
  { name: 'kill -9', begin: (server) => server.kill(), end: (server) => server.start() },
];

describe('what replicas share, while Redis fails', { skip: noRedis }, () => {
  let server: RedisServer;
  const opened: Shared[] = [];
  before(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    for (const shared of opened.splice(0)) await closeShared(shared);
    await server.ask('flushall');
  });
  after(() => server.close());

  async function opens(): Promise<Shared> {
    const shared = await openShared(server.url);
    opened.push(shared);
    return shared;
  }

  for (const fault of faults) {
    test(`${fault.name}: each call fails in time, and works again when it is over`, async () => {
      const shared = await opens();
      await fault.begin(server);
      try {
        for (const [what, call] of Object.entries(callsOf(shared))) {
          const { error, tookMs } = await endOf(call);
          // Taking reads, as long as there is nothing to give back: a Redis without memory still does that.
          const mayWork = fault.name === 'maxmemory' && what === 'taking observations';
          assert.ok(
            mayWork || (error instanceof MillraceError && error.code === 'cluster_unavailable'),
            `${what}: ${error}`,
          );
          // A call may be two commands; the second one is not sent when the first has failed.
          assert.ok(tookMs < 2 * commandMs + slackMs, `${what} took ${tookMs} ms`);
        }
      } finally {
        await fault.end(server);
      }
      const tookMs = await until(() => works(shared), 'all of it works again', mendMs);
      assert.ok(tookMs < mendMs);
    });
  }

  test('killed and started with its data, all that was acknowledged is there', async () => {
    const { link, lock, aliases, roster, observations, limits } = await opens();
    const fence = (await lock.acquire())!;
    await aliases.replace({ ...noAliases, revision: 9 }, { expectedRevision: 1, fence });
    await observations.append([{ id: 'kept', observation: 42 }]);
    const spent = { ...rates, key: 'spent', requestsPerMinute: 1 };
    assert.equal((await limits.take(spent, 0)).taken, true);
    await server.kill();
    await server.start();
    await until(() => link.state().isUp, 'the link is up', mendMs);
    assert.equal(await lock.renew(fence), true);
    assert.equal((await aliases.read())?.revision, 9);
    assert.deepEqual(
      (await roster.list()).map(({ id }) => id),
      ['a'],
    );
    const taken = await observations.take(10, 0);
    assert.ok(taken.some(({ id, observation }) => id === 'kept' && observation === 42));
    assert.equal((await limits.take(spent, 0)).taken, false, 'nobody gets a new minute by a restart');
  });

  test('killed and started without its data, the lock is lost and everything can be put back', async () => {
    const shared = await opens();
    const { link, lock, aliases, roster, observations } = shared;
    const fence = (await lock.acquire())!;
    const heard: (number | null)[] = [];
    aliases.onChange((now) => heard.push(now?.revision ?? null));
    await until(() => heard.length === 1, 'what is there is told');
    await server.kill();
    server.forget();
    await server.start();
    await until(() => link.state().isUp, 'the link is up', mendMs);
    assert.equal(await lock.renew(fence), false);
    assert.ok((await lock.acquire())! > fence);
    await until(() => heard.at(-1) === null, 'the loss of the aliases is told', mendMs);
    assert.deepEqual(await roster.list(), []);
    assert.deepEqual(await observations.take(10, 0), []);
    const restored = { ...noAliases, revision: 57 };
    const late = await aliases.replace(restored, { expectedRevision: 0, fence });
    assert.deepEqual(late, { result: 'fenced' }, 'not by who has lost the lock with it');
    assert.deepEqual(await aliases.replace(restored, { expectedRevision: 0, fence: null }), {
      result: 'done',
    });
    await until(() => heard.at(-1) === 57, 'what was put back is told', mendMs);
    assert.equal(await works(shared), true);
  });

  test('a change of the aliases that was made while a reader was cut off comes when it is back', async () => {
    const [one, other] = [await opens(), await opens()];
    const heard: (number | null)[] = [];
    one.aliases.onChange((now) => heard.push(now?.revision ?? null));
    await until(() => heard.length === 1, 'what is there is told');
    await server.ask('client', 'kill', 'type', 'pubsub');
    await server.ask('client', 'kill', 'type', 'normal', 'skipme', 'yes');
    await until(() => works(other), 'the writer is back', mendMs);
    const revision = (await other.aliases.read())!.revision;
    await other.aliases.replace({ ...noAliases, revision: 100 }, { expectedRevision: revision, fence: null });
    await until(() => heard.at(-1) === 100, 'the change is told', mendMs);
  });

  test('a stop shorter than the deadline is not even noticed', async () => {
    const shared = await opens();
    const { sinceMs } = shared.link.state();
    server.signal('SIGSTOP');
    const call = shared.lock.acquire();
    await pause(commandMs / 3);
    server.signal('SIGCONT');
    assert.ok((await call) !== null);
    assert.equal(shared.link.state().sinceMs, sinceMs);
  });
});
