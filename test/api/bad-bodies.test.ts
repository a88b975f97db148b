/** Bodies that must be refused: with the right status, naming the field, at once, and with the server unhurt. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { repoRoot } from '../root.ts';
import { type Gateway, modelId, post, startGateway, stillServes } from './gateway.ts';

const maxRefusalMs = 1_000;

interface Case {
  readonly name: string;
  /** Fields over those of a good request, or a whole body as text. */
  readonly body: Readonly<Record<string, unknown>> | string;
  readonly param: string | null;
  readonly status?: number;
  /** By default all that a completion takes. */
  readonly path?:
    | '/v1/completions'
    | '/v1/chat/completions'
    | '/tokenize'
    | '/detokenize'
    | '/v1/embeddings'
    | '/v1/score';
}

const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const messages = [{ role: 'user', content: 'hello' }];
const chat = '/v1/chat/completions';
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** Each field with values that it must not take. */
const fields: Readonly<Record<string, readonly unknown[]>> = {
  n: [1e6, 0, -1, 1.5, '2', 2 ** 53],
  best_of: [1e9, -1, 2],
  prompt: ['', [], [[]], null, 5, {}, ['a', ''], [-1], [1e9], [1.5], [['a']], many(65).map(String)],
  stop: ['', [''], many(100_000).map(String), 'x'.repeat(10_000), ['a', 'b', 'c', 'd', 'e'], 5, [5]],
  stop_token_ids: [many(1e5), [-1], ['a'], 'a'],
  bad_words: [many(50_000).map(String)],
  logit_bias: [
    Object.fromEntries(many(5000).map((id) => [id, 1])),
    { 999999: 1 },
    { foo: 1 },
    { '-1': 1 },
    { 1: 'x' },
    { 1: 1e308 },
    { 1: -101 },
    [],
    'foo',
  ],
  logprobs: [-1, 1e6, 6, 'x', 1.5],
  prompt_logprobs: [1e6],
  max_tokens: [-1, 2 ** 53, 1.5, '5'],
  temperature: [-1, 1e9, 2.1, 'hot', true],
  top_p: [0, -1, 1.1, 'x'],
  top_k: [-1, 1e9, 1.5, 'x'],
  min_p: [-0.1, 1.1],
  repetition_penalty: [0, -1, 11],
  frequency_penalty: [-3, 3, 1e9, 'x'],
  presence_penalty: [-3, 3, 1e9, 'x'],
  seed: [1.5, 'x', 1e300],
  priority: [1e9, -101, 0.5],
  user: ['x'.repeat(300), 5],
  stream: ['yes', 1],
  stream_options: [5, { include_usage: 'x' }],
  model: ['', 5, null, 'x'.repeat(300)],
  suffix: ['x'],
  chat_template: ['{{ 7 * 7 }}'],
  guided_regex: ['(a+)+$'],
  guided_grammar: [`root ::= ${'('.repeat(60_000)}`],
};

const fieldCases: Case[] = Object.entries(fields).flatMap(([field, values]) =>
  values.map((value) => ({
    name: `${field}: ${JSON.stringify(value)?.slice(0, 60)}`,
    body: { [field]: value },
    param: field,
  })),
);

const score = '/v1/score';
const scoreCases: Case[] = [
  { name: 'nothing to score', body: { input: [] }, param: 'input' },
  {
    name: '65 items to score',
    body: { input: many(65).map(() => ({ prompt: 'a', completion: 'b' })) },
    param: 'input',
  },
  { name: 'no prompt', body: { input: [{ completion: 'b' }] }, param: 'input[0].prompt' },
  { name: 'an empty prompt', body: { input: [{ prompt: '', completion: 'b' }] }, param: 'input[0].prompt' },
  { name: 'a text and ids', body: { input: [{ prompt: 'a', completion: [5] }] }, param: 'input' },
  { name: 'an id outside', body: { input: [{ prompt: [5], completion: [999_999] }] }, param: 'input' },
  { name: 'too much scored', body: { input: [{ prompt: [5], completion: many(513) }] }, param: 'input' },
  {
    name: 'a model that is none',
    body: { model: 'x', input: [{ prompt: 'a', completion: 'b' }] },
    param: 'model',
    status: 404,
  },
].map((each) => ({ ...each, path: score }) as Case);

const chatCases: Case[] = [
  { name: 'no messages', body: { messages: [] }, param: 'messages' },
  { name: '10,000 messages', body: { messages: many(10_000).map(() => messages[0]) }, param: 'messages' },
  {
    name: 'a role that does not exist',
    body: { messages: [{ role: 'root', content: 'x' }] },
    param: 'messages[0].role',
  },
  {
    name: 'content that is no text',
    body: { messages: [{ role: 'user', content: 5 }] },
    param: 'messages[0].content',
  },
  { name: 'a message without content', body: { messages: [{ role: 'user' }] }, param: 'messages[0].content' },
  {
    name: 'an image by URL',
    body: {
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://169.254.169.254/' } }] },
      ],
    },
    param: 'messages[0]',
  },
  {
    name: 'audio',
    body: { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
    param: 'messages[0]',
  },
  { name: 'a tool message', body: { messages: [{ role: 'tool', content: 'x' }] }, param: 'messages[0]' },
  {
    name: 'tools',
    body: { messages, tools: [{ type: 'function', function: { name: 'f' } }] },
    param: 'tools',
  },
  {
    name: 'a JSON schema',
    body: { messages, response_format: { type: 'json_schema' } },
    param: 'response_format',
  },
  { name: 'a chat template', body: { messages, chat_template: '{{ x }}' }, param: 'chat_template' },
  {
    name: 'template arguments',
    body: { messages, chat_template_kwargs: { tokenize: true } },
    param: 'chat_template_kwargs',
  },
  { name: 'top_logprobs without logprobs', body: { messages, top_logprobs: 3 }, param: 'top_logprobs' },
  {
    name: 'top_logprobs out of range',
    body: { messages, logprobs: true, top_logprobs: 21 },
    param: 'top_logprobs',
  },
  { name: 'max_tokens of 0', body: { messages, max_tokens: 0 }, param: 'max_tokens' },
  {
    name: 'a message that cannot fit',
    body: { messages: [{ role: 'user', content: 'x'.repeat(1e6) }] },
    param: 'messages',
  },
  {
    name: 'a message a little too long',
    body: { messages: [{ role: 'user', content: 'x y '.repeat(2000) }] },
    param: 'messages',
  },
].map((each) => ({ ...each, path: chat }) as Case);

const textCases: Case[] = [
  ['no body', ''],
  ['no JSON', '{'],
  ['a list', '[]'],
  ['a text', '"x"'],
  ['null', 'null'],
  ['a number', '1e999'],
  ['NaN', `{"model":"${modelId}","prompt":"a","temperature":NaN}`],
  ['a byte order mark', `\ufeff{"model":"${modelId}","prompt":"a"}`],
  ['100,000 nested lists', nested(100_000)],
  ['a deep field', `{"model":"${modelId}","prompt":${nested(200)}}`],
  ['__proto__', `{"model":"${modelId}","prompt":"a","__proto__":{"n":5}}`],
  ['__proto__ in escapes', `{"model":"${modelId}","prompt":"a","\\u005f_proto__":{"n":5}}`],
  ['constructor', `{"model":"${modelId}","prompt":"a","constructor":{"prototype":{"n":5}}}`],
].map(([name, body]) => ({ name: name!, body: body!, param: null }));

const otherCases: Case[] = [
  { name: 'a prompt that cannot fit', body: { prompt: 'x'.repeat(1e6) }, param: 'prompt' },
  { name: 'a prompt and answer beyond the context', body: { prompt: 'a', max_tokens: 512 }, param: 'prompt' },
  { name: 'an answer beyond any context', body: { max_tokens: 1e9 }, param: 'prompt' },
  { name: 'too many tokens', body: { prompt: many(600).map(() => 1) }, param: 'prompt' },
  { name: 'prompts times n', body: { prompt: many(10).map(() => 'a'), n: 16 }, param: 'n' },
  { name: 'echo with logprobs, streamed', body: { echo: true, logprobs: 1, stream: true }, param: 'echo' },
  ...['../../etc/passwd', 'a/b', 'a\0b', '\u202e', '__proto__', 'constructor', 'toString'].map((model) => ({
    name: `model ${JSON.stringify(model)}`,
    body: { model },
    param: 'model',
    status: 404,
  })),
  {
    name: 'a text to cut that is too long',
    body: { content: 'x'.repeat(3e6) },
    param: 'content',
    path: '/tokenize',
  },
  { name: 'tokens out of the vocabulary', body: { tokens: [1e6] }, param: 'tokens', path: '/detokenize' },
  {
    name: 'embeddings of a model that makes none',
    body: { input: 'a' },
    param: 'model',
    status: 404,
    path: '/v1/embeddings',
  },
];

const goodFields: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/v1/completions': { model: modelId, prompt: 'hello' },
  [chat]: { model: modelId, messages },
  '/tokenize': { content: 'hello' },
  '/detokenize': { tokens: [1] },
  '/v1/embeddings': { model: modelId },
  [score]: { model: modelId },
};

describe('bodies that must be refused', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.close());

  for (const { name, body, param, status = 400, path = '/v1/completions' } of [
    ...fieldCases,
    ...chatCases,
    ...scoreCases,
    ...textCases,
    ...otherCases,
  ]) {
    test(`${path} ${name}`, async () => {
      const text = typeof body === 'string' ? body : JSON.stringify({ ...goodFields[path], ...body });
      const startMs = performance.now();
      const answer = await post(gateway.url + path, text);
      const tookMs = performance.now() - startMs;
      const answered = (await answer.json()) as { error?: Record<string, unknown> };
      assert.equal(answer.status, status, JSON.stringify(answered).slice(0, 300));
      assert.deepEqual(Object.keys(answered.error ?? {}).sort(), ['code', 'message', 'param', 'type']);
      assert.equal(answered.error!.type, 'invalid_request_error');
      assert.equal(typeof answered.error!.message, 'string');
      if (param !== null)
        assert.equal(String(answered.error!.param).split(/[.[]/)[0], param.split(/[.[]/)[0]);
      assert.doesNotMatch(JSON.stringify(answered), /node_modules|\.ts:|at \w+ \(/);
      assert.ok(!JSON.stringify(answered).includes(repoRoot));
      assert.ok(tookMs < maxRefusalMs, `refused after ${tookMs} ms`);
      assert.equal(gateway.engine.stats().numRunning + gateway.engine.stats().numWaiting, 0);
      await stillServes(gateway);
    });
  }
});
