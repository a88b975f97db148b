/** Against a real redis-server that is stopped, paused, made read-only, filled up, killed and put behind a bad network. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { freePort, noRedis, RedisServer } from '../../test/redis/redis-server.ts';
import { TcpProxy } from '../../test/redis/tcp-proxy.ts';
import { pause, until } from '../../test/until.ts';
import { redisAddress } from './redis-address.ts';
import { type RedisFailure, RedisUnavailable, replyFailure } from './redis-failure.ts';
import { RedisLink, type RedisLinkOptions } from './redis-link.ts';
import { redisScript } from './redis-script.ts';

const commandMs = 250;
/** A machine that is busy with other tests fires its timers late. */
const slackMs = 250;
/** "Within about a second" after Redis is back. */
const mendMs = 2_000;

const links: RedisLink[] = [];

function linkTo(url: string, options: Partial<RedisLinkOptions> = {}): RedisLink {
  const link = new RedisLink({
    url,
    name: 'test',
    client: 'test',
    commandMs,
    random: Math.random,
    ...options,
  });
  links.push(link);
  return link;
}

async function linked(url: string, options: Partial<RedisLinkOptions> = {}): Promise<RedisLink> {
  const link = linkTo(url, options);
  await until(() => link.state().isUp, 'the link is up');
  return link;
}

const write = (link: RedisLink): Promise<unknown> => link.run((redis) => redis.set(link.key('a'), 'b'));

/** Fails with one of the reasons, within the deadline. */
async function failsInTime(link: RedisLink, reasons: readonly RedisFailure[]): Promise<void> {
  const beginMs = performance.now();
  const error = await write(link).then(
    () => assert.fail('the command succeeded'),
    (thrown: unknown) => thrown,
  );
  const tookMs = performance.now() - beginMs;
  assert.ok(error instanceof RedisUnavailable, String(error));
  assert.ok(reasons.includes(error.reason), `${error.reason}: ${error.message}`);
  assert.ok(tookMs < commandMs + slackMs, `took ${tookMs} ms`);
}

const mends = (link: RedisLink): Promise<number> =>
  until(
    () =>
      write(link).then(
        () => true,
        () => false,
      ),
    'the link works again',
    mendMs,
  );

afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
});

describe('a link to Redis', { skip: noRedis }, () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.close());

  test('puts the name of the deployment into braces, so that all its keys lie in one slot', async () => {
    const link = await linked(server.url, { name: 'a.b-c' });
    assert.equal(link.key('limits', 'somebody'), '{a.b-c}:limits:somebody');
    assert.throws(() => linkTo(server.url, { name: 'a}b' }), RangeError);
  });

  test('sends a script again that Redis has forgotten', async () => {
    const link = await linked(server.url);
    const script = redisScript('return redis.call("INCRBY", KEYS[1], ARGV[1])');
    const counted = () => link.evaluate(script, [link.key('count')], [2]);
    assert.equal(await counted(), 2);
    await server.ask('script', 'flush');
    assert.equal(await counted(), 4);
    assert.equal(await counted(), 6);
  });

  test('hears messages, and says when some may have been missed', async () => {
    const link = await linked(server.url);
    const heard: (string | null)[] = [];
    const stop = link.subscribe(link.key('news'), (message) => heard.push(message));
    await until(() => heard.length === 1, 'the subscription begins');
    await link.run((redis) => redis.publish(link.key('news'), 'one'));
    await until(() => heard.length === 2, 'the message comes');
    await server.ask('client', 'kill', 'type', 'pubsub');
    await until(() => heard.length === 3, 'the subscription begins again', mendMs);
    await link.run((redis) => redis.publish(link.key('news'), 'two'));
    await until(() => heard.length === 4, 'the message comes');
    assert.deepEqual(heard, [null, 'one', null, 'two']);
    stop();
    await until(async () => {
      const [, subscribers] = (await server.ask('pubsub', 'numsub', link.key('news'))) as [string, number];
      return subscribers === 0;
    }, 'the subscription ends');
  });

  test('a command that blocks does so on a link of its own', async () => {
    const link = await linked(server.url);
    const blocking = link.duplicate('reader');
    await until(() => blocking.state().isUp, 'the second link is up');
    const popped = blocking.run((redis) => redis.blpop(link.key('list'), 5), { deadlineMs: 5_500 });
    await pause(1_500); // longer than a silent connection is left alone
    await link.run((redis) => redis.rpush(link.key('list'), 'element'));
    assert.deepEqual(await popped, [link.key('list'), 'element']);
    await link.close();
    await assert.rejects(write(blocking), RedisUnavailable, 'it is closed with the first one');
  });

  test("a bug in the work is not taken for Redis's failure", async () => {
    const link = await linked(server.url);
    await assert.rejects(
      link.run(async () => {
        throw new TypeError('a bug');
      }),
      TypeError,
    );
    await assert.rejects(
      link.run((redis) => redis.lpush(link.key('a'), 'x').then(() => redis.incr(link.key('a')))),
      (error) => error instanceof RedisUnavailable && error.reason === 'refused',
    );
    await link.run((redis) => redis.del(link.key('a')));
  });

  test('an answer that came while this process was busy counts', async () => {
    const link = await linked(server.url);
    // From here on the loop comes to its timers before it reads sockets.
    await new Promise((resolve) => setImmediate(resolve));
    const answered = write(link);
    const endMs = performance.now() + 2 * commandMs;
    while (performance.now() < endMs);
    assert.equal(await answered, 'OK');
  });

  test('counts what succeeded and what did not', async () => {
    const outcomes: (RedisFailure | null)[] = [];
    const link = await linked(server.url, { onWork: (failure) => outcomes.push(failure) });
    await write(link);
    await server.ask('client', 'pause', 400, 'ALL');
    await assert.rejects(write(link));
    await mends(link);
    assert.equal(outcomes[0], null);
    assert.equal(outcomes[1], 'slow');
    assert.equal(outcomes.at(-1), null);
  });

  test('closes within its bound although Redis does not answer, and refuses what comes later', async () => {
    const link = await linked(server.url);
    server.signal('SIGSTOP');
    try {
      const hanging = assert.rejects(write(link), RedisUnavailable);
      const beginMs = performance.now();
      await link.close();
      assert.ok(performance.now() - beginMs < commandMs + 100 + slackMs);
      await hanging;
      await assert.rejects(write(link), RedisUnavailable);
    } finally {
      server.signal('SIGCONT');
    }
  });
});

describe('each failure of Redis comes within the deadline, and is mended', { skip: noRedis }, () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.close());

  interface Fault {
    readonly name: string;
    readonly reasons: readonly RedisFailure[];
    /** Whether the link still stands, since Redis does some of what is asked. */
    readonly isPartial?: true;
    begin(): unknown;
    end(): unknown;
  }
  const faults: readonly Fault[] = [
    {
      name: 'stopped',
      reasons: ['slow'],
      begin: () => server.signal('SIGSTOP'),
      end: () => server.signal('SIGCONT'),
    },
    {
      name: 'paused',
      reasons: ['slow'],
      begin: () => server.ask('client', 'pause', 2_000, 'ALL'),
      end: () => pause(1_400),
    },
    {
      name: 'paused for writes',
      reasons: ['slow'],
      isPartial: true,
      begin: () => server.ask('client', 'pause', 60_000, 'WRITE'),
      end: () => server.ask('client', 'unpause'),
    },
    {
      name: 'read-only',
      reasons: ['read_only'],
      begin: () => server.ask('replicaof', '127.0.0.1', 1),
      end: () => server.ask('replicaof', 'no', 'one'),
    },
    {
      name: 'out of memory',
      reasons: ['out_of_memory'],
      isPartial: true,
      begin: () => server.ask('config', 'set', 'maxmemory', 1),
      end: () => server.ask('config', 'set', 'maxmemory', 0),
    },
    {
      name: 'killed',
      reasons: ['down'],
      begin: () => server.kill(),
      end: () => server.start(),
    },
  ];
  for (const fault of faults) {
    test(fault.name, async () => {
      const link = await linked(server.url);
      await write(link);
      await fault.begin();
      try {
        await failsInTime(link, fault.reasons);
        for (let i = 0; i < 6; i++) {
          await pause(100);
          if (!fault.isPartial) assert.equal(link.state().isUp, false);
        }
        await failsInTime(link, fault.reasons.concat('down', 'slow'));
      } finally {
        await fault.end();
      }
      await mends(link);
      assert.equal(link.state().isUp, true);
    });
  }

  test('many commands on a Redis that is stopped all fail within the deadline', async () => {
    const link = await linked(server.url);
    server.signal('SIGSTOP');
    try {
      await Promise.all(Array.from({ length: 500 }, () => failsInTime(link, ['slow', 'down'])));
      const beginMs = performance.now();
      await Promise.all(Array.from({ length: 500 }, () => failsInTime(link, ['slow', 'down'])));
      assert.ok(performance.now() - beginMs < commandMs / 2, 'once it is known, nobody waits for it');
    } finally {
      server.signal('SIGCONT');
    }
    await mends(link);
  });

  test('that nobody listens is said at once, and since when', async () => {
    const port = await freePort();
    const link = linkTo(`redis://user:secret@127.0.0.1:${port}`);
    await failsInTime(link, ['down']);
    await until(() => link.state().lastError !== null, 'the attempt fails');
    const { isUp, sinceMs, lastError } = link.state();
    assert.equal(isUp, false);
    assert.ok(Date.now() - sinceMs < 60_000);
    assert.match(lastError!, /ECONNREFUSED/);
    assert.doesNotMatch(lastError!, /secret/);
    assert.equal(link.shown, `redis://127.0.0.1:${port}`);
  });
});

describe('a Redis with a password', { skip: noRedis }, () => {
  let server: RedisServer;
  const password = 'p@ss/w:rd%';
  before(async () => {
    server = await RedisServer.start({ password });
  });
  after(() => server.close());

  test('is used with it', async () => {
    const link = await linked(server.url);
    assert.equal(await write(link), 'OK');
  });

  test('refuses a wrong one, which is nowhere shown', async () => {
    const link = linkTo(`redis://:wrong-one@127.0.0.1:${server.port}`);
    await until(() => link.state().lastError !== null, 'the attempt fails');
    await assert.rejects(write(link), (error) => {
      assert.ok(error instanceof RedisUnavailable);
      assert.equal(error.reason, 'denied');
      assert.doesNotMatch(JSON.stringify([error, error.message, error.stack, link.state()]), /wrong-one/);
      return true;
    });
  });
});

describe('a bad network', { skip: noRedis }, () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  before(async () => {
    server = await RedisServer.start();
    proxy = await TcpProxy.start(server.port);
  });
  after(async () => {
    await proxy.close();
    await server.close();
  });
  const faults = [{ kind: 'slow', delayMs: 200 }, { kind: 'black-hole' }, { kind: 'refused' }] as const;
  for (const mode of faults) {
    test(mode.kind, async () => {
      const link = await linked(`redis://127.0.0.1:${proxy.port}`);
      proxy.set(mode);
      await failsInTime(link, ['slow', 'down']);
      proxy.set({ kind: 'open' });
      await mends(link);
    });
  }

  test('a connection that died without a word is noticed though nobody asks', async () => {
    const states: boolean[] = [];
    const link = await linked(`redis://127.0.0.1:${proxy.port}`, {
      onState: ({ isUp }) => states.push(isUp),
    });
    proxy.set({ kind: 'black-hole' });
    await until(() => !link.state().isUp, 'it is noticed', 3_000);
    proxy.set({ kind: 'open' });
    await until(() => link.state().isUp, 'it is mended', mendMs);
    assert.deepEqual(states, [true, false, true]);
  });
});

test('error replies are told apart by their first words, also within scripts of Redis 6', () => {
  const cases: readonly (readonly [string, RedisFailure])[] = [
    ["READONLY You can't write against a read only replica.", 'read_only'],
    ['OOM command not allowed when used memory > maxmemory.', 'out_of_memory'],
    [
      'ERR Error running script (call to f_1): @user_script:2: -OOM command not allowed when used memory',
      'out_of_memory',
    ],
    ['LOADING Redis is loading the dataset in memory', 'down'],
    ['NOAUTH Authentication required.', 'denied'],
    ['BUSY Redis is busy running a script.', 'slow'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'refused'],
  ];
  for (const [message, failure] of cases) assert.equal(replyFailure(message), failure, message);
});

test('an address is read from a URL, and a wrong one is not repeated', () => {
  assert.deepEqual(redisAddress('rediss://us%40er:p%2Fw@redis.example:6380/3'), {
    options: {
      host: 'redis.example',
      port: 6380,
      db: 3,
      username: 'us@er',
      password: 'p/w',
      tls: { servername: 'redis.example' },
    },
    shown: 'rediss://redis.example:6380/3',
  });
  assert.deepEqual(redisAddress('redis://[::1]').options, { host: '::1', port: 6379, db: 0 });
  for (const wrong of [
    '',
    'localhost:6379',
    'http://:secret@host',
    'redis://:secret@host/a',
    'redis://:%zz@h',
  ])
    assert.throws(
      () => redisAddress(wrong),
      (error: Error) => !error.message.includes('secret') && !error.message.includes('%zz'),
    );
});
