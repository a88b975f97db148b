/** Streams: their shape, their end, and what happens when either side goes away. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { createRng } from '../../core/rng.ts';
import { type Gateway, type GatewayOptions, modelId, post, startGateway, stillServes } from './gateway.ts';

const open: Gateway[] = [];
afterEach(() => Promise.all(open.splice(0).map((gateway) => gateway.close())));

async function start(options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = await startGateway(options);
  open.push(gateway);
  return gateway;
}

interface Chunk {
  readonly object?: string;
  readonly choices?: readonly {
    index: number;
    text?: string;
    delta?: { role?: string; content?: string };
    finish_reason: string | null;
  }[];
  readonly usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
  readonly error?: { message: string; type: string; code: string };
  readonly system_fingerprint?: string;
}

/** The data of each event; the last is '[DONE]' for a complete stream. */
async function events(answer: Response): Promise<string[]> {
  const data: string[] = [];
  const parser = createParser({ onEvent: (event) => void data.push(event.data) });
  parser.feed(await answer.text());
  return data;
}

const chunksOf = (data: readonly string[]): Chunk[] =>
  data.filter((item) => item !== '[DONE]').map((item) => JSON.parse(item) as Chunk);

const body = { model: modelId, prompt: 'hello', max_tokens: 20, temperature: 0, ignore_eos: true };
const chat = {
  model: modelId,
  messages: [{ role: 'user', content: 'hello' }],
  max_tokens: 20,
  temperature: 0,
};

async function eventually(condition: () => boolean, limitMs = 2_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const isIdle = ({ engine }: Gateway): boolean => engine.stats().numRunning + engine.stats().numWaiting === 0;

describe('a complete stream', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.close());

  test('asked to hide sizes, a stream has chunks of one size and the same text', async () => {
    const gateway = await start();
    const stream_options = { include_usage: true, include_obfuscation: true };
    const plain = await events(await post(`${gateway.url}/v1/completions`, { ...body, stream: true }));
    const hidden = await events(
      await post(`${gateway.url}/v1/completions`, { ...body, stream: true, stream_options }),
    );
    const textOf = (data: string[]): string =>
      chunksOf(data)
        .map(({ choices }) => choices?.[0]?.text ?? '')
        .join('');
    assert.equal(textOf(hidden), textOf(plain));
    assert.deepEqual(
      hidden.filter((item) => item !== '[DONE]' && Buffer.byteLength(item) % 256 !== 0),
      [],
    );
  });

  test('says the same as the answer in one piece, for one choice and for many', async () => {
    for (const n of [1, 3]) {
      const request = { ...body, n, temperature: 1, seed: 7 };
      const whole = (await (await post(`${gateway.url}/v1/completions`, request)).json()) as {
        choices: { text: string; finish_reason: string }[];
      };
      const data = await events(await post(`${gateway.url}/v1/completions`, { ...request, stream: true }));
      assert.equal(data.at(-1), '[DONE]');
      const texts = Array.from({ length: n }, () => '');
      const finishes = Array.from({ length: n }, (): string | null => null);
      for (const { choices } of chunksOf(data)) {
        for (const { index, text, finish_reason } of choices!) {
          texts[index] += text ?? '';
          finishes[index] = finish_reason ?? finishes[index]!;
        }
      }
      assert.deepEqual(
        texts,
        whole.choices.map(({ text }) => text),
      );
      assert.deepEqual(
        finishes,
        whole.choices.map(({ finish_reason }) => finish_reason),
      );
    }
  });

  test('has the headers that keep proxies from holding it back, and names the version', async () => {
    const answer = await post(`${gateway.url}/v1/chat/completions`, { ...chat, stream: true });
    assert.match(answer.headers.get('content-type')!, /^text\/event-stream/);
    assert.equal(answer.headers.get('x-accel-buffering'), 'no');
    assert.match(answer.headers.get('cache-control')!, /no-cache/);
    assert.equal(answer.headers.get('x-millrace-version'), 'sha256:test');
    assert.ok(answer.headers.get('x-request-id'));
    const chunks = chunksOf(await events(answer));
    assert.ok(
      chunks.every(
        ({ object, system_fingerprint }) =>
          object === 'chat.completion.chunk' && system_fingerprint === 'sha256:test',
      ),
    );
    assert.equal(chunks[0]!.choices![0]!.delta!.role, 'assistant');
    assert.equal(chunks.filter(({ choices }) => choices![0]?.finish_reason).length, 1);
  });

  test('reports usage in a last chunk without choices, only when asked', async () => {
    const asked = chunksOf(
      await events(
        await post(`${gateway.url}/v1/chat/completions`, {
          ...chat,
          stream: true,
          stream_options: { include_usage: true },
        }),
      ),
    );
    assert.deepEqual(asked.at(-1)!.choices, []);
    const { prompt_tokens, completion_tokens, total_tokens } = asked.at(-1)!.usage!;
    assert.equal(total_tokens, prompt_tokens + completion_tokens);
    assert.ok(asked.slice(0, -1).every(({ usage }) => usage === null));
    const plain = chunksOf(
      await events(await post(`${gateway.url}/v1/chat/completions`, { ...chat, stream: true })),
    );
    assert.ok(plain.every(({ usage }) => usage === undefined || usage === null));
  });

  test('ends at a stop string that spans tokens, and sends no part of it', async () => {
    const request = { ...body, max_tokens: 60 };
    const { choices } = (await (await post(`${gateway.url}/v1/completions`, request)).json()) as {
      choices: { text: string }[];
    };
    const full = choices[0]!.text;
    const stop = full.slice(8, 12);
    const chunks = chunksOf(
      await events(await post(`${gateway.url}/v1/completions`, { ...request, stop, stream: true })),
    );
    const text = chunks.map((chunk) => chunk.choices![0]!.text).join('');
    assert.equal(text, full.slice(0, full.indexOf(stop)));
    assert.equal(chunks.at(-1)!.choices![0]!.finish_reason, 'stop');
    await eventually(() => isIdle(gateway));
  });
});

test('a silent stream gets comments', async () => {
  const gateway = await start({ limits: { keepAliveMs: 50 }, stepMs: 300 });
  const answer = await post(`${gateway.url}/v1/completions`, { ...body, max_tokens: 3, stream: true });
  const text = await answer.text();
  assert.ok(text.split(': keep-alive\n\n').length > 3);
  assert.match(text, /data: \[DONE\]\n\n$/);
});

test('a stream whose engine fails ends with an error and never with [DONE]', async () => {
  let steps = 0;
  const gateway = await start({
    onStep() {
      if (++steps === 8) throw new Error('a fault in the engine');
    },
  });
  const data = await events(await post(`${gateway.url}/v1/completions`, { ...body, stream: true }));
  assert.ok(!data.includes('[DONE]'));
  const last = JSON.parse(data.at(-1)!) as Chunk;
  assert.equal(last.error!.code, 'engine_failed');
  assert.ok(chunksOf(data).every(({ choices }) => !choices?.some(({ finish_reason }) => finish_reason)));
  await stillServes(gateway);
});

test('before the first piece a failure has a status of its own', async () => {
  let steps = 0;
  const gateway = await start({
    onStep() {
      if (++steps === 1) throw new Error('a fault in the engine');
    },
  });
  const answer = await post(`${gateway.url}/v1/completions`, { ...body, stream: true });
  assert.equal(answer.status, 503);
  assert.ok(answer.headers.get('retry-after'));
});

test('an engine that is not ready is told at once, and readiness with it', async () => {
  const gateway = await start();
  gateway.engine.setState('restarting');
  const answer = await post(`${gateway.url}/v1/completions`, body);
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  assert.equal((await fetch(`${gateway.url}/health/ready`)).status, 503);
  assert.equal((await fetch(`${gateway.url}/health/live`)).status, 200);
  gateway.engine.setState('ready');
  assert.equal((await fetch(`${gateway.url}/health/ready`)).status, 200);
  await stillServes(gateway);
});

test('a request beyond its time is ended with an error', async () => {
  const gateway = await start({ limits: { requestMs: 200 }, stepMs: 20 });
  const answer = await post(`${gateway.url}/v1/completions`, { ...body, max_tokens: 400 });
  assert.equal(answer.status, 503);
  await eventually(() => isIdle(gateway));
});

test('a full queue refuses at once with a time to come back, and nothing accepted is lost', async () => {
  const gateway = await start({ numSlots: 2, limits: { maxWaiting: 4 }, stepMs: 5 });
  await stillServes(gateway);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const startMs = performance.now();
      const answer = await post(`${gateway.url}/v1/completions`, body);
      return { answer, tookMs: performance.now() - startMs };
    }),
  );
  const refused = answers.filter(({ answer }) => answer.status === 429);
  assert.equal(answers.filter(({ answer }) => answer.status === 200).length, 6);
  assert.equal(refused.length, 14);
  for (const { answer, tookMs } of refused) {
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    assert.equal(((await answer.json()) as Chunk).error!.code, 'queue_full');
    assert.ok(tookMs < 500);
  }
  await stillServes(gateway);
});

describe('a client that goes away', () => {
  const stream = { ...body, max_tokens: 400, stream: true };

  test('frees its slot within a second, whenever it goes', async () => {
    const gateway = await start({ numSlots: 4, stepMs: 3 });
    const rng = createRng(5);
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          const leave = AbortSignal.timeout(1 + Math.floor(60 * rng.next()));
          const wish = index % 2 === 0 ? stream : { ...body, max_tokens: 400 };
          const asked = fetch(`${gateway.url}/v1/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(wish),
            signal: leave,
          });
          await asked.then((answer) => answer.text()).catch(() => {});
        }),
      );
    }
    await eventually(() => isIdle(gateway), 1_000);
    await stillServes(gateway);
  });

  test('with a half-closed socket still gets its answer', async () => {
    const gateway = await start();
    const text = JSON.stringify(body);
    const received = await new Promise<string>((resolve, reject) => {
      let data = '';
      const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.setTimeout(5_000, () => reject(new Error('no answer')));
      socket.on('data', (bytes) => {
        data += bytes.toString();
      });
      socket.on('end', () => {
        socket.end();
        resolve(data);
      });
      socket.on('error', reject);
      socket.write(
        `POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      );
    });
    assert.match(received, /^HTTP\/1\.1 200/);
  });

  test('or stops reading is found, and does not hold memory', async () => {
    const gateway = await start({ numSlots: 4, maxContext: 60_000 });
    const request = httpRequest({
      port: gateway.port,
      host: '127.0.0.1',
      path: '/v1/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.on('response', (response) => response.pause());
    request.on('error', () => {});
    request.end(JSON.stringify({ ...stream, prompt: 'a', max_tokens: 50_000, logprobs: 5 }));
    await eventually(() => !isIdle(gateway), 5_000);
    await eventually(() => isIdle(gateway), 60_000);
    assert.ok(gateway.engine.stats().generatedTokens < 50_000, 'it was ended early');
    request.destroy();
    await stillServes(gateway);
  });
});
