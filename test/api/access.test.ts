/** Every route that is registered, against no key, wrong keys, keys of other scopes, and other tenants' objects. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { fineTunedName } from '../../core/jobs/fine-tuned-name.ts';
import type { ApiKey, Scope } from '../../server/http/auth.ts';
import { type Call, formOf, type Objects, type Rule, rules } from './access-rules.ts';
import { modelId, post, stillServes } from './gateway.ts';
import { type LearningGateway, startLearningGateway } from './learning-gateway.ts';

const secretOf = (name: string): string => `mr-${name}-secret`;

const keyOf = (name: string, scopes: readonly Scope[], options: Partial<ApiKey> = {}): ApiKey => ({
  name,
  sha256: createHash('sha256').update(secretOf(name)).digest('hex'),
  scopes,
  requestsPerMinute: 0,
  tokensPerMinute: 0,
  maxConcurrent: 0,
  ...options,
});

/** Who has one scope and no other. */
const holders: Readonly<Record<Scope, string>> = {
  inference: 'ann',
  versions: 'vera',
  metrics: 'mia',
  admin: 'ada',
};
const keys = [
  keyOf(holders.inference, ['inference']),
  keyOf('bob', ['inference', 'versions']),
  keyOf(holders.versions, ['versions']),
  keyOf(holders.metrics, ['metrics']),
  keyOf('watcher', ['inference', 'metrics']),
  keyOf(holders.admin, ['admin']),
  keyOf('limited', ['inference'], { requestsPerMinute: 2 }),
];
const bearer = (name: string): string => `Bearer ${secretOf(name)}`;

const wrongKeys: Readonly<Record<string, string>> = {
  'no key': '',
  'a wrong key': 'Bearer wrong',
  'an empty key': 'Bearer ',
  'another scheme': `Basic ${Buffer.from(`a:${secretOf('ann')}`).toString('base64')}`,
  'a hash instead of a key': `Bearer ${createHash('sha256').update(secretOf('ann')).digest('hex')}`,
  'a key with a quote': `Bearer ' OR '1'='1`,
  "a key with a store's commands": 'Bearer *1\r\n$8\r\nFLUSHALL\r\n'.replaceAll('\r\n', '%0d%0a'),
  'a key with more behind it': `${bearer('ann')} x`,
};

let gateway: LearningGateway;
let [own, theirs]: readonly Objects[] = [];
before(async () => {
  gateway = await startLearningGateway({ keys, tenants: ['ann', 'bob'] });
  own = await objectsOf('ann');
  theirs = await objectsOf('bob');
});
after(() => gateway.close());

const jsonOf = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;

/** One of everything that a tenant can have. */
async function objectsOf(tenant: string): Promise<Objects> {
  const mark = `mark-of-${tenant}`;
  const authorization = bearer(tenant);
  const ask = async <T>(path: string, body: object): Promise<T> => {
    const answer = await post(`${gateway.url}${path}`, body, { authorization });
    assert.ok(answer.ok, `${path}: ${answer.status}`);
    return jsonOf<T>(answer);
  };
  const messages = [{ role: 'user', content: `${mark} asks` }];
  const { id: response } = await ask<{ id: string }>('/v1/chat/completions', {
    model: modelId,
    messages,
    max_tokens: 2,
  });
  const comment = { kind: 'comment', response_id: response, text: `${mark} says` };
  const { id: feedback } = await ask<{ id: string }>('/v1/feedback', comment);
  const { id: memory } = await ask<{ id: string }>('/v1/memory', {
    question: `${mark}?`,
    answer: `${mark}!`,
  });
  const uploaded = await fetch(`${gateway.url}/v1/files`, {
    method: 'POST',
    headers: { authorization },
    body: formOf(mark),
  });
  const { id: file } = await jsonOf<{ id: string }>(uploaded);
  const { id: job } = await ask<{ id: string }>('/v1/fine_tuning/jobs', {
    model: modelId,
    training_file: file,
    suffix: mark,
  });
  const adapter = await gateway.publish(tenant);
  const tuned = fineTunedName({ model: modelId, tenant, suffix: '', adapter });
  return { tenant, response, feedback, memory, file, job, adapter, tuned, mark };
}

function send(route: string, { path, body }: Call, authorization: string): Promise<Response> {
  const [listener, method, template] = route.split(' ') as [string, string, string];
  const url = (listener === 'api' ? gateway.url : gateway.adminUrl) + (path ?? template);
  const headers: Record<string, string> = authorization === '' ? {} : { authorization };
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers['content-type'] = 'application/json';
  const signal = AbortSignal.timeout(10_000);
  return fetch(url, {
    method,
    headers,
    signal,
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
}

const callOf = ({ call }: Rule, objects: Objects): Call => call?.(objects) ?? {};
const isPublic = ({ scope }: Rule): boolean => scope === 'public';

async function codeOf(answer: Response): Promise<string | null> {
  return (await jsonOf<{ error: { code: string | null } }>(answer)).error.code;
}

test('every route that is registered has a rule, and every rule is of a route', () => {
  const { api, admin } = gateway.routes;
  const registered = [...api.map((route) => `api ${route}`), ...admin.map((route) => `admin ${route}`)];
  assert.deepEqual(registered.sort(), Object.keys(rules).sort());
});

describe('who has no right key', () => {
  for (const [route, rule] of Object.entries(rules)) {
    for (const [name, authorization] of Object.entries(wrongKeys)) {
      test(`${route} with ${name}`, async () => {
        const answer = await send(route, callOf(rule, own!), authorization);
        if (isPublic(rule)) return assert.equal(answer.status, 200);
        assert.equal(answer.status, 401);
        assert.equal(await codeOf(answer), 'invalid_api_key');
      });
    }
    if (isPublic(rule)) continue;
    for (const scope of Object.keys(holders) as Scope[]) {
      if (scope === rule.scope) continue;
      test(`${route} with a key of the scope "${scope}" alone`, async () => {
        const answer = await send(route, callOf(rule, own!), bearer(holders[scope]));
        assert.equal(answer.status, 403);
        assert.equal(await codeOf(answer), 'missing_scope');
      });
    }
  }

  test('no header whatever that is not a key opens anything', async () => {
    const header = fc.string({
      unit: fc.integer({ min: 33, max: 126 }).map(String.fromCharCode),
      maxLength: 200,
    });
    const value = fc.oneof(
      header,
      header.map((text) => `Bearer ${text}`),
      header.map((text) => `bearer  ${text}`),
    );
    const property = fc.asyncProperty(value, async (authorization) => {
      const answer = await send('api GET /v1/models', {}, authorization);
      assert.equal(answer.status, 401);
      await answer.body?.cancel();
    });
    await fc.assert(property, { numRuns: 300, seed: 25 });
  });
});

describe("other tenants' objects", () => {
  for (const [route, rule] of Object.entries(rules)) {
    const { others } = rule;
    if (isPublic(rule) || rule.scope === 'admin') continue;
    if (typeof others === 'string') {
      test(`${route} says nothing of them, since ${others}`, async () => {
        const text = await (await send(route, callOf(rule, own!), bearer('ann'))).text();
        assertSilent(text);
      });
    } else {
      test(`${route} is refused with ${others.status}`, async () => {
        const answer = await send(route, callOf(rule, theirs!), bearer('ann'));
        const text = await answer.text();
        assert.equal(answer.status, others.status, text);
        assert.equal(JSON.parse(text).error.code, others.code);
        // What the caller said may come back, what the other tenant said may not.
        assert.ok(!text.includes(theirs!.mark));
      });
    }
  }

  function assertSilent(text: string): void {
    for (const value of Object.values(theirs!)) assert.ok(!text.includes(value), `it tells ${value}`);
  }

  test("a version by its id is refused where it is another tenant's", async () => {
    const ask = { model: modelId, messages: [{ role: 'user', content: 'a' }], max_tokens: 1 };
    const millrace = { version: own!.adapter };
    const answer = await post(
      `${gateway.url}/v1/chat/completions`,
      { ...ask, millrace },
      { authorization: bearer('bob') },
    );
    assert.equal(answer.status, 404);
    assert.equal(await codeOf(answer), 'version_not_found');
  });

  for (const path of ['/admin/canary', '/admin/shadow']) {
    test(`even the operator cannot give one tenant's version to another at ${path}`, async () => {
      const body = { tenant: theirs!.tenant, version: own!.adapter };
      const answer = await post(`${gateway.adminUrl}${path}`, body, { authorization: bearer('ada') });
      assert.equal(answer.status, 404, await answer.text());
    });
  }

  test("even the operator cannot promote one tenant's version for another, or undo a row that is not its own", async () => {
    const body = { tenant: theirs!.tenant };
    const authorization = bearer('ada');
    const promoted = await post(`${gateway.adminUrl}/admin/versions/${own!.adapter}/promote`, body, {
      authorization,
    });
    assert.equal(promoted.status, 404);
    const undone = await post(
      `${gateway.adminUrl}/admin/undo`,
      { ...body, row: own!.feedback },
      { authorization },
    );
    assert.equal(undone.status, 404);
  });

  test('the same Idempotency-Key of two tenants is two keys', async () => {
    const ids = await Promise.all(
      [own!, theirs!].map(async ({ tenant, response }) => {
        const headers = { authorization: bearer(tenant), 'idempotency-key': 'the same' };
        const comment = { kind: 'comment', response_id: response, text: 'once more' };
        const answer = await post(`${gateway.url}/v1/feedback`, comment, headers);
        assert.equal(answer.status, 202);
        return (await jsonOf<{ id: string }>(answer)).id;
      }),
    );
    assert.notEqual(ids[0], ids[1]);
  });

  test('are what they were after all of that', async () => {
    for (const [route, rule] of Object.entries(rules)) {
      if (isPublic(rule) || rule.scope === 'admin' || rule.spends || typeof rule.others === 'string')
        continue;
      const answer = await send(route, callOf(rule, theirs!), bearer('bob'));
      assert.ok(
        (rule.answered ?? [200]).includes(answer.status),
        `${route}: ${answer.status} ${await answer.text()}`,
      );
    }
  });
});

describe('who has a right key', () => {
  // What changes the server for all comes last.
  const inOrder = Object.entries(rules).sort(([, a], [, b]) => Number(a.spends ?? 0) - Number(b.spends ?? 0));
  for (const [route, rule] of inOrder) {
    if (isPublic(rule)) continue;
    test(`${route} answers the key of its scope`, async () => {
      const objects = rule.spends ? await objectsOf('ann') : own!;
      const answer = await send(route, callOf(rule, objects), bearer(holders[rule.scope as Scope]));
      const text = await answer.text();
      assert.ok((rule.answered ?? [200]).includes(answer.status), `${answer.status}: ${text}`);
    });
  }

  test('the scheme is spelled in any case', async () => {
    assert.equal((await send('api GET /v1/models', {}, bearer('ann').toLowerCase())).status, 200);
  });

  test('what tenants do is told to who watches them all, and to the operator', async () => {
    const told = async (route: string, name: string): Promise<boolean> => {
      const text = await (await send(route, {}, bearer(name))).text();
      assert.match(text, /^millrace_requests_total\{/m);
      return /tenant="bob"/.test(text);
    };
    assert.equal(await told('api GET /metrics', 'watcher'), true);
    assert.equal(await told('admin GET /metrics', 'ada'), true);
    assert.equal(await told('api GET /metrics', 'ann'), false);
  });

  test('choosing what answers takes a scope of its own', async () => {
    for (const millrace of [{ memory: false }, { version: 'base' }, {}]) {
      const body = { model: modelId, prompt: 'a', max_tokens: 1, millrace };
      const call = async (name: string) =>
        (await post(`${gateway.url}/v1/completions`, body, { authorization: bearer(name) })).status;
      assert.deepEqual([await call('ann'), await call('bob')], [403, 200]);
    }
  });

  test("the API's listener has none of the operator's routes", async () => {
    for (const route of Object.keys(rules).filter(
      (each) => each.startsWith('admin') && each.includes('/admin/'),
    )) {
      const call = callOf(rules[route]!, own!);
      const statuses = ['ada', 'ann'].map(
        async (name) => (await send(route.replace('admin ', 'api '), call, bearer(name))).status,
      );
      // What is on no route asks for the common scope first.
      assert.deepEqual(await Promise.all(statuses), [403, 404], route);
    }
  });

  test('a limit of two requests a minute refuses the third with a time to come back', async () => {
    const authorization = bearer('limited');
    const body = { model: modelId, prompt: 'hello', max_tokens: 2 };
    const answers = [];
    for (let index = 0; index < 3; index++) {
      answers.push(await post(`${gateway.url}/v1/completions`, body, { authorization }));
    }
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 429],
    );
    assert.equal(answers[0]!.headers.get('x-ratelimit-limit-requests'), '2');
    const afterSeconds = Number(answers[2]!.headers.get('retry-after'));
    assert.ok(afterSeconds >= 1 && afterSeconds <= 60, `retry after ${afterSeconds} s`);
    await stillServes(gateway, { authorization: bearer('ann') });
  });
});

/** Sent as they are: no client of ours tidies them up. */
const paths = [
  '//v1/models',
  '/%761/models',
  '/v1/../admin/models',
  '/health/../v1/models',
  '/health/live/../../v1/models',
  '/openapi.json/../v1/models',
  '/openapi.json;/v1/models',
  '/v1/models?x=/health/live',
  '/v1/models#/health/live',
  '/v1/models/',
  '/V1/MODELS',
  '/v1/models%00',
  '/v1%2fmodels',
  '/v1/models%3f/health/live',
  '\\v1\\models',
  'http://localhost/v1/models',
  'http://localhost/health/live/../../v1/models',
];
const tricks: readonly Readonly<Record<string, string>>[] = [
  { host: 'localhost/health/live?' },
  { host: 'localhost/v1/models?' },
  { 'x-original-url': '/health/live' },
  { 'x-rewrite-url': '/health/live' },
  { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https', forwarded: 'for=127.0.0.1' },
  { 'x-http-method-override': 'OPTIONS' },
];

describe('authorization goes by the route that answers', () => {
  const statusOf = (path: string, headers: Readonly<Record<string, string>>): Promise<number> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(gateway.url);
      const sent = httpRequest({ host: '127.0.0.1', port, path, headers, timeout: 10_000 }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end();
    });

  for (const path of paths) {
    test(`${path} gives nothing without a key`, async () => {
      const status = await statusOf(path, {});
      assert.ok([400, 401, 404].includes(status), `${status}`);
    });
  }
  for (const headers of tricks) {
    test(`${JSON.stringify(headers)} gives nothing without a key`, async () => {
      assert.ok([400, 401].includes(await statusOf('/v1/models', headers)));
    });
  }
});
