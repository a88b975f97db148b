/** Real servers with a real Redis: started before it, served without it, and what they say of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { type Served, serve } from '../e2e/program.ts';
import { until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';

const secret = 'mr-secret';
const password = 'redis-pass-word';
const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
const sha256 = createHash('sha256').update(secret).digest('hex');

describe('servers that act as one', { skip: noRedis }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-servers-'));
  const opened: Served[] = [];
  let redis: RedisServer;
  before(async () => {
    redis = await RedisServer.start({ password });
  });
  afterEach(async () => {
    for (const { child, exit } of opened.splice(0)) {
      child.kill('SIGKILL');
      await exit;
    }
  });
  after(async () => {
    await redis.close();
    rmSync(folder, { recursive: true });
  });

  async function start(name: string, commandMs = 250): Promise<Served> {
    const file = join(folder, `${name}.yaml`);
    const config = {
      models: { default: 'null', embeddings: '' },
      server: { port: 0 },
      admin: { port: 0 },
      learning: { mode: 'off' },
      cluster: { redisUrl: redis.url, replica: name, commandMs },
      auth: { keys: [{ name: 'key', sha256, scopes: ['inference', 'admin'], requestsPerMinute: 2 }] },
    };
    writeFileSync(file, JSON.stringify(config));
    const served = await serve(['--config', file], { cwd: folder, startMs: 30_000 });
    opened.push(served);
    return served;
  }

  const ask = async ({ url }: Served): Promise<number> => {
    const body = JSON.stringify({ model: 'null', prompt: 'hello', max_tokens: 2 });
    const signal = AbortSignal.timeout(10_000);
    const answer = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body, signal });
    await answer.text();
    return answer.status;
  };

  async function metric({ url }: Served, line: RegExp): Promise<number> {
    const text = await (await fetch(`${url}/metrics`, { headers })).text();
    return Number(line.exec(text)?.[1] ?? Number.NaN);
  }
  const isUp = (served: Served): Promise<number> => metric(served, /^millrace_redis_up (\d)$/m);

  test('count the requests of a key together, and go on alone when Redis is gone', async () => {
    // On a busy machine an answer may take its time, and whoever does not get it counts alone.
    const servers = [await start('one', 5_000), await start('other', 5_000)];
    for (const served of servers) {
      await until(async () => (await isUp(served)) === 1, 'Redis is connected');
    }
    const together: number[] = [];
    for (let i = 0; i < 4; i++) together.push(await ask(servers[i % 2]!));
    assert.deepEqual(together, [200, 200, 429, 429]);

    await redis.kill();
    const alone: number[] = [];
    for (let i = 0; i < 4; i++) alone.push(await ask(servers[0]!));
    assert.deepEqual(alone, [200, 200, 429, 429]);
    assert.equal(await isUp(servers[0]!), 0);
    assert.ok(
      (await metric(servers[0]!, /^millrace_redis_failures_total\{reason="down"\} (\d+)$/m)) >= 4,
      'failures are counted',
    );

    await redis.start();
    for (const served of servers) {
      await until(async () => (await isUp(served)) === 1, 'Redis is connected again', 3_000);
      assert.ok((await metric(served, /^millrace_redis_duration_seconds_count (\d+)$/m)) >= 1);
    }
    assert.equal(await ask(servers[1]!), 429, 'what had been used before is still used');

    for (const served of servers) {
      const beginMs = performance.now();
      served.child.kill('SIGTERM');
      assert.equal(await served.exit, 0);
      assert.ok(performance.now() - beginMs < 5_000);
      assert.match(served.said(), /cannot|not reachable|closed/);
      assert.doesNotMatch(served.said(), new RegExp(password));
    }
  });

  test('start without Redis, and find it when it comes', async () => {
    await redis.kill();
    const served = await start('early');
    assert.equal(await ask(served), 200);
    assert.equal(await isUp(served), 0);
    await redis.start();
    await until(async () => (await isUp(served)) === 1, 'Redis is connected', 3_000);
  });

  test('end in time while Redis is stopped', async () => {
    const served = await start('stopped');
    await until(async () => (await isUp(served)) === 1, 'Redis is connected');
    redis.signal('SIGSTOP');
    try {
      const beginMs = performance.now();
      served.child.kill('SIGTERM');
      assert.equal(await served.exit, 0);
      assert.ok(performance.now() - beginMs < 5_000);
    } finally {
      redis.signal('SIGCONT');
    }
  });
});
