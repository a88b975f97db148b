/** What proxies must not spoil, with real ones and the configurations of docs/proxies.md. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Gateway, modelId, startGateway } from '../api/gateway.ts';
import { fixturePath } from '../root.ts';
import { programEnv as env, program, type Served, serve } from './program.ts';
import { proxyKinds, type RunningProxy, reasonToSkip, startProxy } from './proxy.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-proxies-'));
const answerMs = 30_000;

before(() => {
  const options = ['--name', 'tiny', '--models-dir', folder, '--quantization', 'fp32'];
  const args = [program, 'import', fixturePath('decoders/llama3'), ...options];
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
});
after(() => rmSync(folder, { recursive: true }));

for (const kind of proxyKinds) {
  const skip = reasonToSkip(kind) ?? false;
  describe(`behind ${kind.name}`, { skip }, () => {
    test('tokens arrive one by one, as they are made', async () => {
      await behind(kind, { stepMs: 40 }, async ({ proxy }) => {
        const sent = streamed(proxy.port, { model: modelId, prompt: 'hello', max_tokens: 20 });
        const times = await arrivalsOf(await sent.answer);
        const spanMs = times.at(-1)! - times[0]!;
        assert.ok(times.length >= 10, `${times.length} pieces`);
        assert.ok(spanMs > 0.6 * 19 * 40, `the first came ${spanMs} ms before the last`);
      });
    });

    test('a client that leaves frees its slot within a second, while it waits and while it reads', async () => {
      await behind(kind, { stepMs: 20 }, async ({ proxy, gateway }) => {
        for (const untilHead of [false, true]) {
          const sent = streamed(proxy.port, { model: modelId, prompt: 'hello', max_tokens: 400 });
          await eventually(() => gateway.engine.stats().numRunning === 1, 5_000);
          if (untilHead) await sent.answer;
          sent.leave();
          await eventually(() => gateway.engine.stats().numRunning === 0, 1_000);
        }
      });
    });

    test('a replica that is told to end loses no request', { timeout: 120_000 }, async () => {
      const replicas = await Promise.all([serveTiny(), serveTiny()]);
      const proxy = await startProxy(kind, replicas.map(portOf));
      try {
        const load = keepAsking(proxy.port, 4);
        await eventually(() => load.numAnswered() >= 10, answerMs);
        replicas[0]!.child.kill('SIGTERM');
        assert.equal(await replicas[0]!.exit, 0);
        const before = load.numAnswered();
        await eventually(() => load.numAnswered() >= before + 10, answerMs);
        assert.deepEqual(await load.stop(), []);
      } finally {
        for (const { child } of replicas) child.kill('SIGKILL');
        await proxy.stop();
      }
    });
  });
}

const portOf = ({ url }: Served): number => Number(new URL(url).port);

const serveTiny = (): Promise<Served> =>
  serve(
    [
      ...['--models-dir', folder, '--model', 'tiny', '--port', '0', '--admin-port', '0'],
      ...['--engine-max-context', '128', '--models-embeddings=', '--learning-mode', 'off'],
      // Two looks of the proxies' health checks.
      ...['--server-drain-delay-ms', '2500'],
    ],
    { cwd: folder, startMs: 60_000 },
  );

async function behind(
  kind: (typeof proxyKinds)[number],
  options: { readonly stepMs: number },
  act: (world: { readonly proxy: RunningProxy; readonly gateway: Gateway }) => Promise<void>,
): Promise<void> {
  const gateway = await startGateway(options);
  const proxy = await startProxy(kind, [gateway.port]).catch(async (error: Error) => {
    await gateway.close();
    throw error;
  });
  try {
    await act({ proxy, gateway });
  } finally {
    await proxy.stop();
    await gateway.close();
  }
}

interface Sent {
  readonly answer: Promise<IncomingMessage>;
  leave(): void;
}

function streamed(port: number, body: object): Sent {
  const sent = request({ host: '127.0.0.1', port, path: '/v1/completions', method: 'POST', agent: false });
  sent.setHeader('content-type', 'application/json');
  sent.setTimeout(answerMs, () => sent.destroy(new Error('no byte')));
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).on('error', reject);
  });
  answer.catch(() => {});
  sent.end(JSON.stringify({ ...body, stream: true, ignore_eos: true, temperature: 0 }));
  return { answer, leave: () => void sent.destroy() };
}

/** When each piece of the stream came. */
async function arrivalsOf(answer: IncomingMessage): Promise<number[]> {
  assert.equal(answer.statusCode, 200);
  const times: number[] = [];
  for await (const piece of answer) {
    for (const line of String(piece).split('\n'))
      if (line.startsWith('data: {')) times.push(performance.now());
  }
  return times;
}

/** Clients that ask one after another, half of them for streams; every answer must be whole. */
function keepAsking(port: number, numClients: number) {
  const problems: string[] = [];
  let numAnswered = 0;
  let isOver = false;
  const ask = async (stream: boolean): Promise<string | null> => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', prompt: [3, 4], max_tokens: 60, ignore_eos: true, stream }),
      signal: AbortSignal.timeout(answerMs),
    });
    const text = await answer.text();
    const isWhole = stream ? text.endsWith('data: [DONE]\n\n') : text.includes('"completion_tokens":60');
    return answer.status === 200 && isWhole ? null : `${answer.status}: ${text.slice(-300)}`;
  };
  const client = async (index: number): Promise<void> => {
    while (!isOver) {
      const problem = await ask(index % 2 === 0).catch(
        (error: Error) => `${error.message} (${String(error.cause)})`,
      );
      if (problem === null) numAnswered++;
      else problems.push(problem);
    }
  };
  const clients = Promise.all(Array.from({ length: numClients }, (_, index) => client(index)));
  return {
    numAnswered: () => numAnswered,
    /** Returns what went wrong. */
    async stop() {
      isOver = true;
      await clients;
      return problems.slice(0, 5);
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function eventually(holds: () => boolean, withinMs: number): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!holds()) {
    assert.ok(performance.now() < deadlineMs, `not within ${withinMs} ms`);
    await pause(5);
  }
}
