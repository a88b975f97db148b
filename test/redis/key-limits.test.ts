/** Limits of API keys over HTTP, counted by several gateways together, while Redis works and while it does not. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { type Fallback, FallbackLimits } from '../../server/admission/fallback-limits.ts';
import { MemoryLimits } from '../../server/admission/memory-limits.ts';
import { RedisLimits } from '../../server/redis/redis-limits.ts';
import { RedisLink } from '../../server/redis/redis-link.ts';
import { type Gateway, modelId, post, startGateway } from '../api/gateway.ts';
import { until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';

/** Where Redis is expected to answer: a busy machine takes its time. */
const patientMs = 5_000;
const commandMs = 250;
const secret = 'mr-secret';
const headers = { authorization: `Bearer ${secret}` };
const key = {
  name: 'limited',
  sha256: createHash('sha256').update(secret).digest('hex'),
  scopes: ['inference'] as const,
  requestsPerMinute: 4,
  tokensPerMinute: 1_000,
  maxConcurrent: 0,
};
const body = { model: modelId, prompt: 'hello', max_tokens: 2, temperature: 0, ignore_eos: true };

describe('limits that gateways share', { skip: noRedis }, () => {
  let server: RedisServer;
  const opened: { close(): Promise<void> }[] = [];
  before(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    server.signal('SIGCONT');
    await Promise.all(opened.splice(0).map((each) => each.close()));
    await server.ask('flushall');
  });
  after(() => server.close());

  async function gatewayWith(fallback: Fallback, commandMs = patientMs): Promise<Gateway> {
    const link = new RedisLink({
      url: server.url,
      name: 'test',
      client: 'test',
      commandMs,
      random: Math.random,
    });
    await until(() => link.state().isUp, 'the link is up');
    const keyLimits = new FallbackLimits(new RedisLimits(link), new MemoryLimits(systemClock), fallback);
    const gateway = await startGateway({ keys: [key], keyLimits });
    opened.push(gateway, link);
    return gateway;
  }

  const ask = (gateway: Gateway) => post(`${gateway.url}/v1/completions`, body, headers);

  test('are one limit, whichever is asked, with the headers of one', async () => {
    const gateways = [await gatewayWith('local'), await gatewayWith('local')];
    const remaining: (string | null)[] = [];
    for (let i = 0; i < 4; i++) {
      const answer = await ask(gateways[i % 2]!);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('x-ratelimit-limit-requests'), '4');
      assert.match(answer.headers.get('x-ratelimit-reset-tokens')!, /^\d+ms$/);
      remaining.push(answer.headers.get('x-ratelimit-remaining-requests'));
    }
    assert.deepEqual(remaining, ['3', '2', '1', '0']);
    for (const gateway of gateways) {
      const answer = await ask(gateway);
      assert.equal(answer.status, 429);
      assert.ok(Number(answer.headers.get('retry-after')) > 5);
    }
  });

  test('tokens that an answer did not need are given back', async () => {
    const gateway = await gatewayWith('local');
    const wide = {
      ...body,
      max_tokens: 400,
      stop: ['a', 'e', 'i', 'o', 'u', ' ', 's', 't'],
      ignore_eos: false,
    };
    const first = await post(`${gateway.url}/v1/completions`, { ...wide, stop: undefined }, headers);
    const { usage } = (await first.json()) as { usage: { total_tokens: number } };
    await until(async () => {
      const level = Number(await server.ask('hget', '{test}:limits:limited', 'tokens'));
      return Math.abs(level - (1_000 - usage.total_tokens)) < 50;
    }, 'what is left is what was not used');
  });

  test('without Redis they are counted by each for itself: local', async () => {
    const gateway = await gatewayWith('local');
    await server.kill();
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 6; i++) statuses.push((await ask(gateway)).status);
      assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
    } finally {
      await server.start();
    }
  });

  test('without Redis nobody counts: open', async () => {
    const gateway = await gatewayWith('open');
    await server.kill();
    try {
      for (let i = 0; i < 6; i++) {
        const answer = await ask(gateway);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('x-ratelimit-limit-requests'), null);
      }
    } finally {
      await server.start();
    }
  });

  test('without Redis limited keys get 503 with a time to retry, others are answered: closed', async () => {
    const gateway = await gatewayWith('closed', commandMs);
    server.signal('SIGSTOP');
    const beginMs = performance.now();
    const answer = await ask(gateway);
    assert.equal(answer.status, 503);
    assert.ok(performance.now() - beginMs < commandMs + 500);
    assert.equal(answer.headers.get('retry-after'), '1');
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, 'cluster_unavailable');
    assert.match(error.message, /Redis/);
    server.signal('SIGCONT');
    await until(async () => (await ask(gateway)).status === 200, 'Redis is back', 3_000);
  });

  test('a Redis that is stopped delays a request once, by its deadline, and not those after it', async () => {
    const gateway = await gatewayWith('open', commandMs);
    await ask(gateway);
    server.signal('SIGSTOP');
    await ask(gateway);
    const tookMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const beginMs = performance.now();
      assert.equal((await ask(gateway)).status, 200);
      tookMs.push(performance.now() - beginMs);
    }
    assert.ok(Math.max(...tookMs) < commandMs, `${tookMs.map(Math.round)} ms`);
  });
});
