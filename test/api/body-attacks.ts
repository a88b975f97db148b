/** Bodies that must be refused. */
import type { AttackId } from './attack-table.ts';
import { modelId } from './gateway.ts';

export interface BodyAttack {
  readonly name: string;
  /** Row of the table of attacks; null for what is only wrong. */
  readonly attack: AttackId | null;
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
const recursive = { $ref: '#', properties: { a: { $ref: '#/properties/a' } } };

/** Each field with values that it must not take. */
const fields: Readonly<Record<string, readonly [attack: AttackId | null, ...values: readonly unknown[]]>> = {
  n: ['T1', 1e6, 0, -1, 1.5, '2', 2 ** 53],
  best_of: ['T2', 1e9, -1, 2],
  prompt: ['T3', '', [], [[]], null, 5, {}, ['a', ''], [-1], [1e9], [1.5], [['a']], many(65).map(String)],
  stop: [
    'T4',
    '',
    [''],
    many(500_000),
    many(100_000).map(String),
    'x'.repeat(3_000_000),
    'x'.repeat(10_000),
    ['a', 'b', 'c', 'd', 'e'],
    5,
    [5],
  ],
  stop_token_ids: ['T5', many(400_000), many(129), [-1], [2 ** 53], ['a'], 'a'],
  bad_words: ['T5', many(50_000).map(String)],
  logit_bias: [
    'T6',
    Object.fromEntries(many(200_000).map((id) => [id, 1])),
    Object.fromEntries(many(5000).map((id) => [id, 1])),
    { 999999: 1 },
    { foo: 1 },
    { '-1': 1 },
    { 1: 'x' },
    { 1: 1e308 },
    { 1: -1e308 },
    { 1: -101 },
    [],
    'foo',
  ],
  logprobs: ['T7', -1, 1e6, 6, 'x', 1.5],
  prompt_logprobs: ['T7', -1, 1e6],
  max_tokens: ['T8', -1, 2 ** 53, 1.5, '5'],
  top_k: ['T9', -1, 1e9, 2 ** 63, 1.5, 'x'],
  priority: ['T9', 1e9, -101, -(2 ** 63), 0.5],
  temperature: ['T10', -1, 1e9, 2.1, 'hot', true],
  repetition_penalty: ['T10', 0, -1, 11, 1e308],
  frequency_penalty: ['T10', -3, 3, 1e9, 'x'],
  presence_penalty: ['T10', -3, 3, 1e9, 'x'],
  seed: ['T10', 1.5, 'x', 1e300, 2 ** 63],
  top_p: [null, 0, -1, 1.1, 'x'],
  min_p: [null, -0.1, 1.1],
  user: [null, 'x'.repeat(300), 5],
  stream: [null, 'yes', 1],
  stream_options: ['T28', 5, { include_usage: 'x' }, { include_obfuscation: 'x' }],
  model: ['T30', '', 5, null, 'x'.repeat(300), 'x'.repeat(1_000_000)],
  suffix: [null, 'x'],
  chat_template: ['T16', '{{ 7 * 7 }}', '{% for x in range(10**9) %}{% endfor %}'],
  guided_regex: ['T11', '(a+)+$', 'foo**', '['],
  guided_json: ['T11', { type: 'nonsense' }, recursive],
  guided_grammar: ['T12', `root ::= ${'('.repeat(60_000)}`],
  grammar: ['T12', `root ::= ${'('.repeat(60_000)}`],
  guided_choice: ['T13', ['yes', 'no']],
  json_schema: ['T13', { type: 'object' }],
  structured_outputs: ['T13', { regex: 'a' }],
  structural_tag: ['T13', {}],
  ebnf: ['T13', 'root ::= root'],
  logits_processors: ['T13', ['os.system']],
  regex: ['T15', '(x+x+)+y'],
};

const fieldCases: BodyAttack[] = Object.entries(fields).flatMap(([field, [attack, ...values]]) =>
  values.map((value) => ({
    name: `${field}: ${JSON.stringify(value)?.slice(0, 60)}`,
    attack,
    body: { [field]: value },
    param: field,
  })),
);

/** What no number of JSON is, in fields that reach the sampler. */
const noNumberCases: BodyAttack[] = ['temperature', 'frequency_penalty', 'seed', 'top_p'].flatMap((field) =>
  ['NaN', 'Infinity', '-Infinity', '1e999x'].map((text) => ({
    name: `${field}: ${text}`,
    attack: 'T10' as const,
    body: `{"model":"${modelId}","prompt":"a","${field}":${text}}`,
    param: null,
  })),
);

/** A new schema with each request: none of them is compiled, so that there is nothing to fill. */
const schemaCases: BodyAttack[] = many(50).map((index) => ({
  name: `a schema that nobody has sent before, ${index}`,
  attack: 'T14',
  body: {
    messages,
    response_format: { type: 'json_schema', json_schema: { schema: { title: String(index) } } },
  },
  param: 'response_format',
  path: chat,
}));

const score = '/v1/score';
const scoreCases: BodyAttack[] = [
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
].map((each) => ({ attack: null, ...each, path: score }));

const chatCases: BodyAttack[] = [
  { name: 'no messages', body: { messages: [] }, param: 'messages' },
  {
    name: '10,000 messages',
    attack: 'T17',
    body: { messages: many(10_000).map(() => messages[0]) },
    param: 'messages',
  },
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
    attack: 'T29',
    body: {
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://169.254.169.254/' } }] },
      ],
    },
    param: 'messages[0]',
  },
  {
    name: 'audio',
    attack: 'T29',
    body: { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
    param: 'messages[0]',
  },
  {
    name: 'a tool message',
    attack: 'T17',
    body: { messages: [{ role: 'tool', content: 'x' }] },
    param: 'messages[0]',
  },
  {
    name: 'tools',
    attack: 'T11',
    body: {
      messages,
      tools: [
        {
          type: 'function',
          function: { name: 'f', parameters: { properties: { a: { pattern: '(a+)+$' } } } },
        },
      ],
    },
    param: 'tools',
  },
  {
    name: 'a schema that refers to itself',
    attack: 'T12',
    body: { messages, response_format: { type: 'json_schema', json_schema: { schema: recursive } } },
    param: 'response_format',
  },
  {
    name: 'a grammar as a format',
    attack: 'T13',
    body: { messages, response_format: { type: 'grammar', grammar: 'root ::= root' } },
    param: 'response_format',
  },
  {
    name: 'a thousand tool messages',
    attack: 'T17',
    body: { messages: many(1_000).map(() => ({ role: 'tool', tool_call_id: 'x', content: 'x' })) },
    param: 'messages[0]',
  },
  ...[
    'http://127.0.0.1/',
    'file:///etc/passwd',
    'http://ok\\@169.254.169.254/',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'data:image/png;base64,AAAA',
  ].map((url) => ({
    name: `an image at ${url}`,
    attack: 'T29' as const,
    body: { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] },
    param: 'messages[0]',
  })),
  ...[null, 5, [], {}, 'x'].map((part) => ({
    name: `content of ${JSON.stringify(part)}`,
    body: { messages: [{ role: 'user', content: [part] }] },
    param: 'messages[0]',
  })),
  {
    name: 'a file by URL',
    attack: 'T29',
    body: {
      messages: [{ role: 'user', content: [{ type: 'file', file: { file_url: 'http://127.0.0.1/' } }] }],
    },
    param: 'messages[0]',
  },
  {
    name: 'a JSON schema',
    attack: 'T11',
    body: { messages, response_format: { type: 'json_schema' } },
    param: 'response_format',
  },
  {
    name: 'a chat template',
    attack: 'T16',
    body: { messages, chat_template: '{{ x }}' },
    param: 'chat_template',
  },
  {
    name: 'template arguments',
    attack: 'T16',
    body: { messages, chat_template_kwargs: { tokenize: true } },
    param: 'chat_template_kwargs',
  },
  { name: 'top_logprobs without logprobs', body: { messages, top_logprobs: 3 }, param: 'top_logprobs' },
  {
    name: 'top_logprobs out of range',
    attack: 'T7',
    body: { messages, logprobs: true, top_logprobs: 21 },
    param: 'top_logprobs',
  },
  { name: 'max_tokens of 0', attack: 'T8', body: { messages, max_tokens: 0 }, param: 'max_tokens' },
  {
    name: 'a message that cannot fit',
    attack: 'T17',
    body: { messages: [{ role: 'user', content: 'x'.repeat(1e6) }] },
    param: 'messages',
  },
  {
    name: 'a message a little too long',
    attack: 'T17',
    body: { messages: [{ role: 'user', content: 'x y '.repeat(2000) }] },
    param: 'messages',
  },
].map((each) => ({ attack: null, ...each, path: chat }) as BodyAttack);

const textCases: BodyAttack[] = [
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
  ['a field twice', `{"model":"${modelId}","prompt":"a","n":1,"n":2}`],
  ['a field twice, once in escapes', `{"model":"${modelId}","prompt":"a","n":1,"\\u006e":2}`],
  [
    'a field twice, further in',
    `{"model":"${modelId}","messages":[{"role":"user","content":"a","role":"system"}]}`,
  ],
  ['a string that never ends', `{"model":"${modelId}","prompt":"${'a\\\\'.repeat(1_000)}`],
].map(([name, body]) => ({ name: name!, attack: 'T18', body: body!, param: null }));

const otherCases: BodyAttack[] = [
  { name: 'a prompt that cannot fit', attack: 'T17', body: { prompt: 'x'.repeat(1e6) }, param: 'prompt' },
  {
    name: 'a prompt and answer beyond the context',
    attack: 'T8',
    body: { prompt: 'a', max_tokens: 512 },
    param: 'prompt',
  },
  { name: 'an answer beyond any context', attack: 'T8', body: { max_tokens: 1e9 }, param: 'prompt' },
  { name: 'too many tokens', attack: 'T17', body: { prompt: many(600).map(() => 1) }, param: 'prompt' },
  { name: 'prompts times n', attack: 'T1', body: { prompt: many(10).map(() => 'a'), n: 16 }, param: 'n' },
  {
    name: 'echo with logprobs, streamed',
    attack: null,
    body: { echo: true, logprobs: 1, stream: true },
    param: 'echo',
  },
  ...['../../etc/passwd', 'a/b', 'a\0b', '\u202e', '__proto__', 'constructor', 'toString'].map((model) => ({
    name: `model ${JSON.stringify(model)}`,
    attack: 'T30' as const,
    body: { model },
    param: 'model',
    status: 404,
  })),
  {
    name: 'a text to cut that is too long',
    attack: 'T17',
    body: { content: 'x'.repeat(3e6) },
    param: 'content',
    path: '/tokenize',
  },
  {
    name: 'tokens out of the vocabulary',
    attack: 'T6',
    body: { tokens: [1e6] },
    param: 'tokens',
    path: '/detokenize',
  },
  {
    name: 'embeddings of a model that makes none',
    attack: null,
    body: { input: 'a' },
    param: 'model',
    status: 404,
    path: '/v1/embeddings',
  },
];

/** A good request of each path, which the cases change. */
export const goodFields: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/v1/completions': { model: modelId, prompt: 'hello' },
  [chat]: { model: modelId, messages },
  '/tokenize': { content: 'hello' },
  '/detokenize': { tokens: [1] },
  '/v1/embeddings': { model: modelId },
  [score]: { model: modelId },
};

export const bodyAttacks: readonly BodyAttack[] = [
  ...fieldCases,
  ...noNumberCases,
  ...schemaCases,
  ...chatCases,
  ...scoreCases,
  ...textCases,
  ...otherCases,
];
