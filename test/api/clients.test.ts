/** Clients as their makers publish them, unmodified, against the real HTTP surface. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import OpenAI, { APIError, AuthenticationError, NotFoundError } from 'openai';
import { environment } from '../../server/config/environment.ts';
import { type Gateway, modelId, startGateway } from './gateway.ts';

const maxTokens = 12;
const messages = [{ role: 'user' as const, content: 'hello' }];
let gateway: Gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

describe('openai for Node', () => {
  const client = (): OpenAI => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'any', maxRetries: 0 });

  test('chats, streams, completes, lists models', async () => {
    const request = { model: modelId, messages, max_tokens: maxTokens, temperature: 0 };
    const whole = await client().chat.completions.create(request);
    assert.equal(whole.usage!.completion_tokens, maxTokens);
    const stream = await client().chat.completions.create({ ...request, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    assert.equal(text, whole.choices[0]!.message.content);
    const completion = await client().completions.create({
      model: modelId,
      prompt: ['a', 'b'],
      max_tokens: 2,
      echo: true,
      logprobs: 2,
    });
    assert.deepEqual(
      completion.choices.map(({ text: each }) => each[0]),
      ['a', 'b'],
    );
    assert.equal(completion.choices[0]!.logprobs!.token_logprobs![0], null);
    const models = [];
    for await (const model of client().models.list()) models.push(model.id);
    assert.deepEqual(models, [modelId]);
    assert.equal((await client().models.retrieve(modelId)).id, modelId);
  });

  test('its stream helper gathers the same message', async () => {
    const runner = client().chat.completions.stream({
      model: modelId,
      messages,
      max_tokens: maxTokens,
      temperature: 0,
      stream_options: { include_usage: true },
    });
    const final = await runner.finalChatCompletion();
    assert.equal(final.usage!.completion_tokens, maxTokens);
    assert.equal(final.choices[0]!.finish_reason, 'length');
  });

  test('gets its own error classes, with the field at fault', async () => {
    await assert.rejects(client().chat.completions.create({ model: 'gone', messages }), NotFoundError);
    await assert.rejects(
      client().chat.completions.create({ model: modelId, messages, temperature: 9 }),
      (error: unknown) => error instanceof APIError && error.status === 400 && error.param === 'temperature',
    );
    const closed = await startGateway({
      keys: [
        {
          name: 'a',
          sha256: '0'.repeat(64),
          scopes: ['inference'],
          requestsPerMinute: 0,
          tokensPerMinute: 0,
          maxConcurrent: 0,
        },
      ],
    });
    const stranger = new OpenAI({ baseURL: `${closed.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await assert.rejects(stranger.models.list(), AuthenticationError);
    await closed.close();
  });

  test('can leave a stream', async () => {
    const stream = await client().chat.completions.create({
      model: modelId,
      messages,
      max_tokens: 400,
      stream: true,
    });
    for await (const _ of stream) break;
    const endMs = performance.now() + 1_000;
    while (gateway.engine.stats().numRunning > 0) {
      assert.ok(performance.now() < endMs, 'the slot is free within a second');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

describe("Vercel's AI SDK, OpenAI-compatible provider", () => {
  const model = () => createOpenAICompatible({ name: 'millrace', baseURL: `${gateway.url}/v1` })(modelId);

  test('generates and streams the same text', async () => {
    const options = { prompt: 'hello', maxOutputTokens: maxTokens, temperature: 0 };
    const { text, usage } = await generateText({ model: model(), ...options });
    assert.equal(usage.outputTokens, maxTokens);
    let streamed = '';
    for await (const piece of streamText({ model: model(), ...options }).textStream) streamed += piece;
    assert.equal(streamed, text);
  });
});

test('curl -N prints each piece as it is made', async (context) => {
  if (spawnSync('curl', ['--version']).error) return context.skip('curl is not installed');
  const data = JSON.stringify({ model: modelId, messages, max_tokens: maxTokens, stream: true });
  const args = [
    '-sSN',
    '-m',
    '20',
    `${gateway.url}/v1/chat/completions`,
    '-H',
    'content-type: application/json',
    '-d',
    data,
  ];
  const child = spawn('curl', args);
  let out = '';
  for await (const bytes of child.stdout) out += String(bytes);
  assert.match(out, /^data: \{/);
  assert.match(out, /data: \[DONE\]\n\n$/);
});

const python = environment.MILLRACE_TEST_PYTHON ?? '';
const script = `
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="any", max_retries=0)
messages = [{"role": "user", "content": "hello"}]
whole = client.chat.completions.create(model=sys.argv[2], messages=messages, max_tokens=12, temperature=0)
pieces = client.chat.completions.create(model=sys.argv[2], messages=messages, max_tokens=12, temperature=0, stream=True)
assert "".join(chunk.choices[0].delta.content or "" for chunk in pieces) == whole.choices[0].message.content
assert whole.usage.completion_tokens == 12
assert [model.id for model in client.models.list()] == [sys.argv[2]]
try:
    client.chat.completions.create(model=sys.argv[2], messages=messages, n=1000)
    raise SystemExit("n=1000 was taken")
except openai.BadRequestError as error:
    assert error.param == "n", error
print("fine")
`;

test('openai for Python chats, streams and gets its own errors', async (context) => {
  if (python === '') return context.skip('set MILLRACE_TEST_PYTHON to a Python that has the openai package');
  const child = spawn(python, ['-c', script, `${gateway.url}/v1`, modelId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const bytes of child.stdout) out += String(bytes);
  assert.equal(out, 'fine\n');
});
