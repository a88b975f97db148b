/** What a server that has no room says, and whether it is true. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import type { ApiKey } from '../../server/http/auth.ts';
import { type Gateway, type GatewayOptions, modelId, post, startGateway } from './gateway.ts';

const gateways: Gateway[] = [];
after(() => Promise.all(gateways.map((gateway) => gateway.close())));

async function start(options: GatewayOptions): Promise<Gateway> {
  const gateway = await startGateway(options);
  gateways.push(gateway);
  return gateway;
}

const body = { model: modelId, prompt: 'hello', max_tokens: 16, temperature: 0, ignore_eos: true };
const path = '/v1/completions';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const keyOf = (name: string, limits: Partial<ApiKey> = {}): ApiKey => ({
  name,
  sha256: createHash('sha256').update(name).digest('hex'),
  scopes: ['inference', 'admin'],
  requestsPerMinute: 0,
  tokensPerMinute: 0,
  maxConcurrent: 0,
  ...limits,
});

const as = (name: string): Record<string, string> => ({ authorization: `Bearer ${name}` });

/** The time to come back, which both headers must agree on. */
function retryAfterMs({ headers }: Response): number {
  const [exact, seconds] = [Number(headers.get('retry-after-ms')), Number(headers.get('retry-after'))];
  assert.ok(exact > 0 && seconds >= 1, `${exact} ms, ${seconds} s`);
  assert.equal(seconds, Math.ceil(exact / 1000));
  return exact;
}

test('who was refused is let in when they come back at the time that they were told', async () => {
  const gateway = await start({ numSlots: 4, stepMs: 2, limits: { maxWaitMs: 150 } });
  // So that the server knows how long answers are and how fast it is.
  for (let round = 0; round < 6; round++) {
    await Promise.all(Array.from({ length: 8 }, () => post(`${gateway.url}${path}`, body)));
  }
  let numRefused = 0;
  const ask = async (): Promise<number> => {
    const first = await post(`${gateway.url}${path}`, body);
    if (first.status !== 429) return first.status;
    numRefused++;
    await pause(retryAfterMs(first));
    return (await post(`${gateway.url}${path}`, body)).status;
  };
  const statuses = await Promise.all(Array.from({ length: 60 }, ask));
  assert.ok(numRefused >= 20, `${numRefused} were refused`);
  // A machine that becomes slower meanwhile makes some times a little short; server/admission/admission.test.ts is exact.
  const numTwice = statuses.filter((status) => status !== 200).length;
  assert.ok(numTwice <= numRefused / 8, `${numTwice} of ${numRefused} were refused again`);
});

test('what cannot be in time is 429 with its time, in both kinds of requests, streamed or not', async () => {
  const gateway = await start({ numSlots: 1, stepMs: 20, limits: { maxWaitMs: 1 } });
  const running = post(`${gateway.url}${path}`, { ...body, max_tokens: 40 });
  await pause(60);
  const messages = [{ role: 'user', content: 'hello' }];
  for (const stream of [false, true]) {
    for (const [route, asked] of [
      [path, body],
      ['/v1/chat/completions', { model: modelId, messages }],
    ] as const) {
      const answer = await post(`${gateway.url}${route}`, { ...asked, stream });
      assert.equal(answer.status, 429);
      retryAfterMs(answer);
      const { error } = (await answer.json()) as { error: { code: string; type: string } };
      assert.deepEqual([error.code, error.type], ['deadline_unmeetable', 'rate_limit_error']);
    }
  }
  assert.equal((await running).status, 200);
});

test('a key that floods is refused, and another one is let in', async () => {
  const keys = [keyOf('loud'), keyOf('quiet')];
  const gateway = await start({ keys, numSlots: 2, stepMs: 10, limits: { maxWaiting: 8 } });
  const ask = (name: string) => post(`${gateway.url}${path}`, { ...body, max_tokens: 100 }, as(name));
  let numRefused = 0;
  const flood = Array.from({ length: 30 }, async () => {
    const { status } = await ask('loud');
    if (status === 429) numRefused++;
    return status;
  });
  // None of those that were let in has ended yet.
  for (let waited = 0; numRefused < 20 && waited < 900; waited += 5) await pause(5);
  const quiet = await Promise.all([ask('quiet'), ask('quiet')]);
  assert.deepEqual(
    quiet.map(({ status }) => status),
    [200, 200],
  );
  const statuses = await Promise.all(flood);
  assert.equal(statuses.filter((status) => status === 200 || status === 429).length, 30);
  assert.ok(numRefused >= 10, `${numRefused} were refused`);
});

test('a key that has as many requests running as it may is told when one of them ends', async () => {
  const gateway = await start({ keys: [keyOf('a', { maxConcurrent: 2 })], stepMs: 5 });
  const ask = () => post(`${gateway.url}${path}`, { ...body, max_tokens: 40 }, as('a'));
  // So that the server knows how long its requests take.
  for (let round = 0; round < 3; round++) await Promise.all([ask(), ask()]);
  const running = [ask(), ask()];
  await pause(20);
  const refused = await Promise.all([ask(), ask()]);
  const statuses = await Promise.all(
    refused.map(async (answer) => {
      assert.equal(answer.status, 429);
      await pause(retryAfterMs(answer));
      return (await ask()).status;
    }),
  );
  assert.deepEqual(statuses, [200, 200]);
  await Promise.all(running);
});

test('a refusal for want of room costs nothing of the limits of the key', async () => {
  const gateway = await start({
    keys: [keyOf('a', { requestsPerMinute: 2 })],
    limits: { maxWaiting: 0 },
    numSlots: 1,
  });
  for (let count = 0; count < 5; count++) {
    assert.equal((await post(`${gateway.url}${path}`, { ...body, n: 2 }, as('a'))).status, 429);
  }
  assert.equal((await post(`${gateway.url}${path}`, body, as('a'))).status, 200);
});
