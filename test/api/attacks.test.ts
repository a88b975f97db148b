/** Attacks of the table that take more than one request that is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../core/clock.ts';
import { MemoryLimits } from '../../server/admission/memory-limits.ts';
import { TokenBucket } from '../../server/admission/rate-limit.ts';
import { Accounts, type ApiKey } from '../../server/http/auth.ts';
import * as adminSchemas from '../../server/http/openai/admin-schemas.ts';
import { obfuscate } from '../../server/http/openai/obfuscate.ts';
import { goodFields } from './body-attacks.ts';
import { type Gateway, type GatewayOptions, modelId, post, startGateway, stillServes } from './gateway.ts';
import { type LearningGateway, startLearningGateway } from './learning-gateway.ts';

const keyOf = (name: string): ApiKey => ({
  name,
  sha256: createHash('sha256').update(name).digest('hex'),
  scopes: ['inference'],
  requestsPerMinute: 0,
  tokensPerMinute: 0,
  maxConcurrent: 0,
});

/** Closed when the test has ended. */
async function withGateway(
  options: GatewayOptions,
  work: (gateway: Gateway) => Promise<void>,
): Promise<void> {
  const gateway = await startGateway(options);
  try {
    await work(gateway);
  } finally {
    await gateway.close();
  }
}

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

/** Every number in a schema, by its path. */
function* numbersIn(schema: Schema, path: string): Generator<[path: string, schema: Schema]> {
  if (schema.type === 'integer' || schema.type === 'number') yield [path, schema];
  for (const each of schema.anyOf ?? []) yield* numbersIn(each, path);
  if (schema.items !== undefined) yield* numbersIn(schema.items, `${path}[]`);
  for (const [name, each] of Object.entries(schema.properties ?? {}))
    yield* numbersIn(each, `${path}.${name}`);
}

interface Specification {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
            };
          }
        >
      >
    >
  >;
}

async function bodySchemas(gateway: Gateway): Promise<[path: string, schema: Schema][]> {
  const { paths } = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Specification;
  return Object.entries(paths).flatMap(([path, methods]) => {
    const schema = methods.post?.requestBody?.content['application/json']?.schema;
    return schema === undefined ? [] : [[path, schema] as [string, Schema]];
  });
}

describe('numbers', () => {
  let gateway: LearningGateway;
  before(async () => {
    gateway = await startLearningGateway({ tenants: ['anonymous'] });
  });
  after(() => gateway.close());

  test('T9 every number that a body may hold is bounded on both sides', async () => {
    const schemas = [
      ...(await bodySchemas(gateway)),
      ...(Object.entries(adminSchemas) as [string, Schema][]),
    ];
    const numbers = schemas.flatMap(([path, schema]) => [...numbersIn(schema, path)]);
    assert.ok(numbers.length > 40, `only ${numbers.length} numbers were found`);
    const open = numbers.filter(
      ([, { minimum, exclusiveMinimum, maximum }]) =>
        (minimum ?? exclusiveMinimum) === undefined || maximum === undefined,
    );
    assert.deepEqual(
      open.map(([path]) => path),
      [],
    );
  });

  test('T9 no number overflows', async (context) => {
    const extremes = [
      -1,
      -(2 ** 31),
      2 ** 31,
      2 ** 32,
      -(2 ** 53),
      2 ** 53,
      2 ** 63,
      -(2 ** 63),
      1e308,
      -1e308,
      5e-324,
    ];
    let count = 0;
    for (const [path, schema] of await bodySchemas(gateway)) {
      const good = goodFields[path];
      if (good === undefined) continue;
      for (const name of Object.keys(schema.properties ?? {})) {
        for (const value of extremes) {
          const { status } = await post(`${gateway.url}${path}`, { max_tokens: 1, ...good, [name]: value });
          assert.ok(status < 500, `${path} ${name}: ${value} is answered with ${status}`);
          count++;
        }
      }
    }
    context.diagnostic(`${count} requests`);
    await stillServes(gateway);
  });
});

test('T17 while the longest text is cut into tokens, others are answered', async (context) => {
  await withGateway({ maxContext: 32_768 }, async (gateway) => {
    const body = { model: modelId, prompt: 'x'.repeat(1_000_000), max_tokens: 1 };
    const long = fetch(`${gateway.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    }).then((answer) => answer.text());
    let isOver = false;
    const over = long.finally(() => {
      isOver = true;
    });
    const waits: number[] = [];
    while (!isOver) {
      const startMs = performance.now();
      await (await fetch(`${gateway.url}/health/live`)).text();
      waits.push(performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await over;
    context.diagnostic(`the longest of ${waits.length} waits was ${Math.max(...waits).toFixed(0)} ms`);
    assert.ok(waits.length > 5 && Math.max(...waits) < 1_000);
    await stillServes(gateway);
  });
});

test('T25 a key is compared in constant time with each one that is known', () => {
  const accounts = new Accounts(
    Array.from({ length: 1_000 }, (_, index) => keyOf(`key-${index}`)),
    new MemoryLimits(systemClock),
    systemClock,
  );
  const medianOf = (work: () => unknown): number => {
    const times = Array.from({ length: 201 }, () => {
      const startMs = performance.now();
      work();
      return performance.now() - startMs;
    });
    return times.sort((a, b) => a - b)[100]!;
  };
  const accepted = (name: string) => () => accounts.authorize(`Bearer ${name}`, 'inference');
  const refused = (): void => assert.throws(() => accounts.authorize('Bearer key-x', 'inference'));
  for (const work of [accepted('key-0'), accepted('key-999'), refused]) for (let n = 0; n < 50; n++) work();
  // The first one costs as much as the last one: all are compared, and the hash says nothing of how much is right.
  const [firstMs, lastMs] = [medianOf(accepted('key-0')), medianOf(accepted('key-999'))];
  assert.ok(Math.max(firstMs, lastMs) < 3 * Math.min(firstMs, lastMs), `${firstMs} and ${lastMs} ms`);
});

test("T26 another tenant's prompt is computed in full, and its own is found", async () => {
  const computed = new Map<string, number>();
  let asking = '';
  const onStep: GatewayOptions['onStep'] = ({ chunk }) => {
    computed.set(asking, (computed.get(asking) ?? 0) + (chunk?.tokens.length ?? 0));
  };
  await withGateway({ keys: ['ann', 'bob'].map(keyOf), onStep }, async (gateway) => {
    const prompt = Array.from({ length: 200 }, (_, index) => 10 + index);
    const ask = async (name: string, round: string): Promise<number> => {
      asking = `${name} ${round}`;
      const headers = { authorization: `Bearer ${name}` };
      const answer = await post(
        `${gateway.url}/v1/completions`,
        { model: modelId, prompt, max_tokens: 1 },
        headers,
      );
      const { usage } = (await answer.json()) as {
        usage: { prompt_tokens_details: { cached_tokens: number } };
      };
      return usage.prompt_tokens_details.cached_tokens;
    };
    assert.equal(await ask('ann', 'first'), 0);
    assert.equal(await ask('bob', 'first'), 0);
    assert.ok((await ask('ann', 'second')) > 100);
    assert.deepEqual([computed.get('ann first'), computed.get('bob first')], [200, 200]);
    assert.ok(computed.get('ann second')! < 100);
  });
});

test('T28 whatever the text, a hidden stream is of chunks of one size', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  const choices = text.map((piece) => ({ choices: [{ text: piece }] }));
  const property = fc.property(choices, (chunk) => {
    const hidden = obfuscate(JSON.stringify(chunk));
    const { obfuscation: _, ...rest } = JSON.parse(hidden);
    assert.deepEqual(rest, chunk);
    assert.equal(Buffer.byteLength(hidden) % 256, 0);
  });
  fc.assert(property, { numRuns: 500, seed: 28 });
});

test('T29 no address that a client names is called', async () => {
  const callers: string[] = [];
  const trap = createServer((request, response) => {
    callers.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const { port } = trap.address() as AddressInfo;
  const gateway = await startLearningGateway({ tenants: ['anonymous'] });
  // Requests of the tests themselves do not go through here: they have a socket already, or are counted out.
  const opened: unknown[] = [];
  const { connect: original } = Socket.prototype;
  const watched = function (this: Socket, ...args: unknown[]) {
    const text = JSON.stringify(args[0] ?? null);
    if (text.includes(String(port)) || text.includes('169.254')) opened.push(args[0]);
    return Reflect.apply(original, this, args) as Socket;
  };
  Socket.prototype.connect = watched as typeof original;
  try {
    for (const address of [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://ok\\@127.0.0.1:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `http://0x7f000001:${port}/`,
      'http://169.254.169.254/latest/meta-data/',
      'file:///etc/passwd',
    ]) {
      const part = { type: 'image_url', image_url: { url: address } };
      const bodies: readonly (readonly [path: string, body: object])[] = [
        ['/v1/chat/completions', { model: modelId, messages: [{ role: 'user', content: [part] }] }],
        ['/v1/chat/completions', { model: address, messages: [{ role: 'user', content: 'a' }] }],
        [
          '/v1/chat/completions',
          { model: modelId, messages: [{ role: 'user', content: address }], max_tokens: 1 },
        ],
        ['/v1/completions', { model: modelId, prompt: address, max_tokens: 1, suffix: address }],
        ['/v1/embeddings', { model: modelId, input: address }],
        ['/v1/memory', { question: address, answer: address }],
        ['/v1/fine_tuning/jobs', { model: modelId, training_file: address.slice(0, 60) }],
        [
          '/v1/fine_tuning/jobs',
          { model: modelId, training_file: 'x', integrations: [{ type: 'wandb', url: address }] },
        ],
      ];
      for (const [path, body] of bodies) {
        const { status } = await post(`${gateway.url}${path}`, body);
        assert.ok(status < 500, `${path}: ${status}`);
      }
    }
    assert.deepEqual([callers, opened], [[], []]);
  } finally {
    Socket.prototype.connect = original;
    trap.close();
    await gateway.close();
  }
});

test('T30 an id that is a path is the id of nothing', async () => {
  const gateway = await startLearningGateway({ tenants: ['anonymous'] });
  try {
    const ids = [
      '..',
      '../..',
      '../../../../etc/passwd',
      '/etc/passwd',
      '.',
      'a\0b',
      '__proto__',
      'constructor',
      'x'.repeat(90),
    ];
    const templates = [...gateway.routes.api, ...gateway.routes.admin.map((route) => `${route} admin`)]
      .filter((route) => route.includes('/:id'))
      .map((route) => route.split(' ') as [method: string, path: string, admin?: string]);
    assert.ok(templates.length > 10);
    for (const [method, path, admin] of templates) {
      for (const id of ids) {
        const url =
          (admin === undefined ? gateway.url : gateway.adminUrl) +
          path.replace(':id', encodeURIComponent(id));
        const body = method === 'POST' ? { body: JSON.stringify({ tenant: 'anonymous', answer: 'a' }) } : {};
        const headers = method === 'POST' ? { 'content-type': 'application/json' } : {};
        const answer = await fetch(url, { method, headers, ...body });
        assert.ok([400, 404].includes(answer.status), `${method} ${path} of ${id}: ${answer.status}`);
        assert.ok(!(await answer.text()).includes('root:'));
      }
    }
  } finally {
    await gateway.close();
  }
});

test('T33 after 1,000 clients that left nothing is taken', { timeout: 120_000 }, async () => {
  await withGateway({ numSlots: 8, stepMs: 1, limits: { maxWaiting: 1_000 } }, async (gateway) => {
    const body = JSON.stringify({
      model: modelId,
      prompt: 'a',
      max_tokens: 400,
      stream: true,
      ignore_eos: true,
    });
    const head = `POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const comeAndGo = (index: number): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(gateway.port, '127.0.0.1', () => {
          // Some leave within the head, some before the answer, some within it.
          socket.write(index % 5 === 0 ? head.slice(0, 40) : head + body);
          if (index % 5 < 3) setTimeout(() => socket.destroy(), index % 7);
        });
        socket.on('data', () => socket.destroy());
        socket.on('error', () => {});
        socket.on('close', () => resolve());
      });
    for (let done = 0; done < 1_000; done += 40) {
      await Promise.all(Array.from({ length: 40 }, (_, index) => comeAndGo(done + index)));
    }
    const isIdle = (): boolean => gateway.engine.stats().numRunning + gateway.engine.stats().numWaiting === 0;
    for (const endMs = performance.now() + 1_000; !isIdle(); ) {
      assert.ok(performance.now() < endMs, JSON.stringify(gateway.engine.stats()));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const all = Array.from({ length: 8 }, () => stillServes(gateway));
    await Promise.all(all);
  });
});

test('T36 health is told at once while steps are long', async () => {
  await withGateway({ stepMs: 2_000 }, async (gateway) => {
    const slow = post(`${gateway.url}/v1/completions`, { model: modelId, prompt: 'a', max_tokens: 1 });
    const isDone = slow.then(() => true);
    let numAsked = 0;
    while (
      !(await Promise.race([isDone, new Promise<false>((resolve) => setTimeout(() => resolve(false), 100))]))
    ) {
      for (const path of ['/health/live', '/health/ready']) {
        const answer = await fetch(gateway.url + path, { signal: AbortSignal.timeout(500) });
        assert.equal(answer.status, 200);
        await answer.text();
        numAsked++;
      }
    }
    assert.ok(numAsked > 10);
  });
});

test('T41 a clock that jumps changes no limit', () => {
  const { now } = Date;
  try {
    const bucket = new TokenBucket(1, systemClock);
    assert.ok(bucket.take(1).taken);
    for (const hours of [1, -1, 24 * 365]) {
      Date.now = () => now() + hours * 3_600_000;
      const { taken, retryAfterMs } = bucket.take(1);
      assert.equal(taken, false);
      assert.ok(retryAfterMs > 0 && retryAfterMs <= 60_000, `${retryAfterMs} ms`);
    }
  } finally {
    Date.now = now;
  }
});
