/** Every route against no key, a wrong key, a key of the other scope and the right one. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { ApiKey } from '../../server/http/auth.ts';
import { type Gateway, modelId, post, startGateway, stillServes } from './gateway.ts';

const secrets = { inference: 'mr-inference-secret', admin: 'mr-admin-secret', limited: 'mr-limited-secret' };

const keyOf = (name: keyof typeof secrets, options: Partial<ApiKey> = {}): ApiKey => ({
  name,
  sha256: createHash('sha256').update(secrets[name]).digest('hex'),
  scopes: ['inference'],
  requestsPerMinute: 0,
  tokensPerMinute: 0,
  maxConcurrent: 0,
  ...options,
});

const keys = [
  keyOf('inference'),
  keyOf('admin', { scopes: ['admin'] }),
  keyOf('limited', { requestsPerMinute: 2 }),
];

const body = { model: modelId, prompt: 'hello', max_tokens: 2 };
const tenant = { tenant: 't' };
const chat = { model: modelId, messages: [{ role: 'user', content: 'hello' }], max_tokens: 2 };
type Scope = 'inference' | 'admin' | 'public';
type Route = readonly [
  listener: 'api' | 'admin',
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  scope: Scope,
  body?: object,
];

const routes: readonly Route[] = [
  ['api', 'POST', '/v1/completions', 'inference', body],
  ['api', 'POST', '/v1/chat/completions', 'inference', chat],
  ['api', 'POST', '/v1/score', 'inference', { model: modelId, input: [{ prompt: 'a', completion: 'b' }] }],
  ['api', 'POST', '/v1/feedback', 'inference', { kind: 'rating', response_id: 'r', value: 1 }],
  ['api', 'GET', '/v1/feedback/f', 'inference'],
  ['api', 'GET', '/v1/memory', 'inference'],
  ['api', 'POST', '/v1/memory', 'inference', { question: 'a', answer: 'b' }],
  ['api', 'GET', '/v1/memory/m', 'inference'],
  ['api', 'POST', '/v1/memory/m', 'inference', { answer: 'b' }],
  ['api', 'DELETE', '/v1/memory/m', 'inference'],
  ['api', 'GET', '/v1/models', 'inference'],
  ['api', 'GET', `/v1/models/${modelId}`, 'inference'],
  ['api', 'POST', '/tokenize', 'inference', { content: 'a' }],
  ['api', 'POST', '/detokenize', 'inference', { tokens: [1] }],
  ['api', 'GET', '/metrics', 'inference'],
  ['api', 'GET', '/health/live', 'public'],
  ['api', 'GET', '/health/ready', 'public'],
  ['api', 'GET', '/health/startup', 'public'],
  ['api', 'GET', '/openapi.json', 'public'],
  ['admin', 'GET', '/health/ready', 'public'],
  ['admin', 'GET', '/metrics', 'admin'],
  ['admin', 'GET', '/admin/models', 'admin'],
  ['admin', 'GET', '/admin/learning', 'admin'],
  ['admin', 'POST', '/admin/learning/pause', 'admin', {}],
  ['admin', 'POST', '/admin/learning/resume', 'admin', {}],
  ['admin', 'GET', '/admin/versions', 'admin'],
  ['admin', 'GET', '/admin/versions/v', 'admin'],
  ['admin', 'POST', '/admin/versions/v/promote', 'admin', tenant],
  ['admin', 'POST', '/admin/versions/diff', 'admin', { ...tenant, a: 'base', b: 'base', prompts: ['a'] }],
  ['admin', 'POST', '/admin/rollback', 'admin', tenant],
  ['admin', 'POST', '/admin/canary', 'admin', { ...tenant, version: null }],
  ['admin', 'POST', '/admin/shadow', 'admin', { ...tenant, version: null }],
  ['admin', 'POST', '/admin/undo', 'admin', { ...tenant, row: 'r' }],
  ['admin', 'GET', '/admin/trials?tenant=t', 'admin'],
  ['admin', 'GET', '/admin/bases', 'admin'],
  ['admin', 'POST', '/admin/base', 'admin', { version: 'imported' }],
  ['admin', 'POST', '/admin/consolidate', 'admin', tenant],
];

const headers: Readonly<Record<string, string>> = {
  'no key': '',
  'a wrong key': 'Bearer wrong',
  'an empty key': 'Bearer ',
  'another scheme': `Basic ${Buffer.from(`a:${secrets.inference}`).toString('base64')}`,
  'a hash instead of a key': `Bearer ${createHash('sha256').update(secrets.inference).digest('hex')}`,
  'a key with a quote': `Bearer ' OR '1'='1`,
  'a key with more behind it': `Bearer ${secrets.inference} x`,
};

describe('access', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway({ keys });
  });
  after(() => gateway.close());

  const call = (route: Route, authorization: string): Promise<Response> => {
    const [listener, method, path, , payload] = route;
    const url = (listener === 'api' ? gateway.url : gateway.adminUrl) + path;
    const head = authorization === '' ? {} : { authorization };
    if (method === 'POST') return post(url, payload, head);
    return fetch(url, { method, headers: head, signal: AbortSignal.timeout(10_000) });
  };

  /** Nothing is learned here, so that what is asked of learning is refused, for that reason alone. */
  const isAnswered = async (answer: Response): Promise<boolean> => {
    if (answer.status === 200) return true;
    const { error } = (await answer.json()) as { error: { code: string } };
    return answer.status === 400 && error.code === 'learning_off';
  };

  for (const route of routes) {
    const [listener, method, path, scope] = route;
    for (const [name, authorization] of Object.entries(headers)) {
      test(`${listener} ${method} ${path} with ${name}`, async () => {
        const answer = await call(route, authorization);
        assert.equal(answer.status, scope === 'public' ? 200 : 401);
        const text = await answer.text();
        if (scope !== 'public') assert.equal(JSON.parse(text).error.code, 'invalid_api_key');
      });
    }
    if (scope === 'public') continue;
    test(`${listener} ${method} ${path} takes the key of its scope and refuses the other`, async () => {
      const other = scope === 'admin' ? 'inference' : 'admin';
      assert.ok(await isAnswered(await call(route, `Bearer ${secrets[scope]}`)));
      assert.ok(await isAnswered(await call(route, `bearer ${secrets[scope]}`)));
      const refused = await call(route, `Bearer ${secrets[other]}`);
      assert.equal(refused.status, 403);
      assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'missing_scope');
    });
  }

  test('every route of the listeners is in the table above', async () => {
    const paths = Object.entries(
      ((await (await fetch(`${gateway.url}/openapi.json`)).json()) as { paths: object }).paths,
    );
    const described = paths.flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    // There is no encoder here to ask for embeddings; its route is tried without a key.
    const listed = new Set([
      ...routes.map(
        ([, method, path]) => `${method} ${path.replace(modelId, '{id}').replace(/\/[fm]$/, '/{id}')}`,
      ),
      'POST /v1/embeddings',
    ]);
    assert.deepEqual(
      described.filter((route) => !listed.has(route)),
      [],
    );
    assert.equal((await post(`${gateway.url}/v1/embeddings`, { model: modelId, input: 'a' })).status, 401);
  });

  test("the API's listener has none of the operator's routes", async () => {
    for (const path of ['/admin/models', '/admin/drain', '/admin/learning', '/admin/versions']) {
      const statuses = [secrets.admin, secrets.inference].map(async (secret) => {
        const headers = { authorization: `Bearer ${secret}` };
        return (await fetch(gateway.url + path, { headers })).status;
      });
      // What is on no route asks for the common scope first.
      assert.deepEqual(await Promise.all(statuses), [403, 404]);
    }
  });

  test('a limit of two requests a minute refuses the third with a time to come back', async () => {
    const authorization = `Bearer ${secrets.limited}`;
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
    await stillServes(gateway, { authorization: `Bearer ${secrets.inference}` });
  });

  test('no key and no text of a request is in the log', async () => {
    const authorization = `Bearer ${secrets.inference}`;
    const marked = { ...body, prompt: 'a very private sentence', user: 'line\nbreak \u001b[31m' };
    await post(`${gateway.url}/v1/completions`, marked, { authorization });
    const log = gateway.log.join('');
    assert.ok(gateway.log.length > 0);
    for (const secret of [...Object.values(secrets), 'private sentence', '\u001b'])
      assert.ok(!log.includes(secret));
    for (const line of gateway.log) assert.doesNotThrow(() => JSON.parse(line));
  });
});
