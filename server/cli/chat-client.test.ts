import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type ChatMessage, streamChat } from './chat-client.ts';
import { converse } from './conversation.ts';

/** What the client makes of the handler's answer. */
async function collect(handler: RequestListener, apiKey: string | null = null): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signal = AbortSignal.timeout(5_000);
  const messages = [{ role: 'user' as const, content: 'hi' }];
  let text = '';
  try {
    const limits = { maxTokens: 8, temperature: 0 };
    for await (const piece of streamChat({ url, model: 'm', apiKey }, messages, limits, signal))
      text += piece;
    return text;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

test('pieces of a stream are joined wherever the network cuts them, comments are skipped', async () => {
  const bytes = Buffer.from(
    `: keep-alive\n\n${delta('Grüße ')}${delta('😀')}data: {"choices":[]}\n\ndata: [DONE]\n\n`,
  );
  const text = await collect(async (request, response) => {
    assert.equal(request.headers.authorization, 'Bearer secret');
    for (const byte of bytes) response.write(Buffer.from([byte]));
    response.end();
  }, 'secret');
  assert.equal(text, 'Grüße 😀');
});

test("an error status becomes an error with the server's message", async () => {
  await assert.rejects(
    collect((_, response) => response.writeHead(404).end('{"error":{"message":"no such model"}}')),
    /^Error: no such model$/,
  );
  await assert.rejects(
    collect((_, response) => response.writeHead(502).end('<html>')),
    /status 502: <html>/,
  );
});

test('a stream that reports an error or breaks off is an error, never a complete answer', async () => {
  await assert.rejects(
    collect((_, response) => response.end(`${delta('a')}data: {"error":{"message":"engine stopped"}}\n\n`)),
    /engine stopped/,
  );
  await assert.rejects(
    collect((_, response) => response.end(delta('a'))),
    /broke off/,
  );
});

async function talk(lines: readonly string[], system: string | null = null) {
  const asked: (readonly ChatMessage[])[] = [];
  let printed = '';
  const numFailed = await converse(
    {
      lines: (async function* () {
        yield* lines;
      })(),
      print: (text) => (printed += text),
      prompt: () => {},
      answer: async function* (messages) {
        asked.push([...messages]);
        if (messages.at(-1)?.content === 'fail') throw new Error('x');
        yield `${messages.length}`;
      },
      onFailure: () => {},
    },
    system,
  );
  return { asked, printed, numFailed };
}

test('a conversation carries its history, forgets it on /reset and ends on /exit', async () => {
  const { asked, printed } = await talk(['one', '', 'two', '/reset', 'three', '/exit', 'never'], 'be brief');
  assert.deepEqual(
    asked.map((messages) => messages.map(({ content }) => content)),
    [
      ['be brief', 'one'],
      ['be brief', 'one', '2', 'two'],
      ['be brief', 'three'],
    ],
  );
  assert.equal(printed, '2\n4\n2\n');
});

test('a failed answer leaves no trace in the history and is counted', async () => {
  const { asked, numFailed } = await talk(['fail', 'next']);
  assert.equal(numFailed, 1);
  assert.deepEqual(asked[1], [{ role: 'user', content: 'next' }]);
});

test('the history is bounded and always begins with the user', async () => {
  const { asked } = await talk(Array.from({ length: 60 }, (_, index) => `${index}`));
  assert.equal(Math.max(...asked.map((messages) => messages.length)), 41);
  assert.ok(asked.every((messages) => messages[0]?.role === 'user'));
});
