/**
 * The end of the real program under load: what a client behind a load balancer sees, what happens to those that take too
 * long, and that nothing of it is left.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from '../../loadtest/processes.ts';
import { endingOf } from '../chaos/ending.ts';
import { type Ask, exchange, type Heard } from '../chaos/exchange.ts';
import { childOf } from '../chaos/processes.ts';
import { until } from './learning-server.ts';
import { type Served, serve } from './program.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-drain-'));
const model = new TinyModel(root);
const deadlineMs = 10_000;
const probeEveryMs = 50;
const delayMs = 1_500;

before(() => model.import());
after(() => rmSync(root, { recursive: true, force: true }));

const start = (...more: readonly string[]): Promise<Served> =>
  serve(
    [
      ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
      ...['--port', '0', '--admin-port', '0', '--learning-dir', join(root, 'state')],
      ...['--engine-max-context', '128', '--engine-threads', '1', '--log-level', 'warn', ...more],
    ],
    { cwd: root, startMs: 30_000 },
  );

const ask = (stream: boolean, maxTokens = 30): Ask => ({
  method: 'POST',
  path: '/v1/completions',
  body: { model: modelName, prompt: 'Water ', max_tokens: maxTokens, ignore_eos: true, stream },
  deadlineMs,
});
const probe: Ask = { method: 'GET', path: '/health/ready', deadlineMs };

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Resolves when the process and all that were below it are gone; returns its exit code. */
async function isGone({ child, exit }: Served, tree: readonly number[]): Promise<number | null> {
  const code = await exit;
  await until(`nothing is left of ${child.pid}`, 5_000, () => !tree.some(isRunning));
  return code;
}

/** As a load balancer: asks whether the server is ready, each time on a new connection. */
class Balancer {
  readonly answers: { readonly status: number | null; readonly atMs: number }[] = [];
  isSending = true;
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async run(): Promise<void> {
    for (;;) {
      const { status, endMs } = await exchange(this.url, probe, new Agent());
      this.answers.push({ status, atMs: endMs });
      if (status !== 200) this.isSending = false;
      if (status === null) return;
      await sleep(probeEveryMs);
    }
  }
}

test('behind a load balancer no request fails: streams, whole answers, and those on connections that were idle', async () => {
  const server = await start('--server-drain-delay-ms', String(delayMs));
  const tree = processTree(server.child.pid!);
  const balancer = new Balancer(server.url);
  const heard: Heard[] = [];
  const client = async (isStream: boolean): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (balancer.isSending) heard.push(await exchange(server.url, ask(isStream), agent));
    agent.destroy();
  };
  const idle = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  for (const agent of idle) await exchange(server.url, ask(false, 2), agent);
  const running = [balancer.run(), ...Array.from({ length: 16 }, (_, index) => client(index % 2 === 0))];
  await until('there is traffic', 30_000, () => heard.length > 24);
  const sentMs = performance.now();
  server.child.kill('SIGTERM');
  // Before anybody has told them: on the connection that they have.
  await sleep(100);
  const late = await Promise.all(idle.map((agent) => exchange(server.url, ask(false, 2), agent)));
  await Promise.all(running);
  const code = await isGone(server, tree);
  assert.equal(code, 0);
  const failed = heard.filter((each) => endingOf(each).kind !== 'answer');
  assert.deepEqual(failed, []);
  assert.ok(
    heard.some(({ startMs, endMs }) => startMs < sentMs && endMs > sentMs),
    'some were being answered',
  );
  for (const each of late) {
    assert.deepEqual([each.status, each.isReused, each.headers.connection], [200, true, 'close']);
  }
  const unready = balancer.answers.filter(({ status }) => status === 503);
  const lastReadyMs = balancer.answers.findLast(({ status }) => status === 200)!.atMs;
  assert.ok(
    unready.every(({ atMs }) => atMs > lastReadyMs),
    'not ready once, not ready for good',
  );
  assert.ok(unready[0]!.atMs - sentMs < delayMs / 2, 'at once');
  const shownMs = unready.at(-1)!.atMs - sentMs;
  assert.ok(shownMs > delayMs - 10 * probeEveryMs, `it was to be seen for ${shownMs} ms`);
});

test('a connection on which nothing was said does not hold up the end', async () => {
  const server = await start();
  const silent = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(silent, 'connect');
  const isClosed = once(silent, 'close');
  silent.resume();
  await sleep(100);
  const sentMs = performance.now();
  server.child.kill('SIGTERM');
  assert.equal(await server.exit, 0);
  assert.ok(performance.now() - sentMs < 6_000);
  await isClosed;
});

test('whoever takes longer than the drain is told so, and the end is not put off', async () => {
  const server = await start('--server-drain-ms', '300');
  const tree = processTree(server.child.pid!);
  const agent = new Agent();
  // A stopped host is one that makes no more tokens; its watchdog needs longer than the drain does.
  const engine = childOf(server.child.pid!, 'engine')!;
  const whole = ask(false, 100);
  const streams = Array.from({ length: 3 }, () => exchange(server.url, ask(true, 100), agent));
  await sleep(30);
  process.kill(engine, 'SIGSTOP');
  const running = [...streams, exchange(server.url, whole, agent)];
  const sentMs = performance.now();
  server.child.kill('SIGTERM');
  const endings = (await Promise.all(running)).map(endingOf);
  assert.equal(await isGone(server, tree), 1);
  const tookMs = performance.now() - sentMs;
  for (const ending of endings) {
    assert.ok(['answer', 'failed', 'refused'].includes(ending.kind), JSON.stringify(ending));
  }
  assert.ok(
    endings.some(({ kind }) => kind !== 'answer'),
    'somebody took longer',
  );
  assert.ok(tookMs < 300 + 3_000 + 1_000, `${tookMs} ms`);
});

test('a second SIGTERM ends at once, and everything with it', async () => {
  const server = await start('--server-drain-delay-ms', '20000');
  const tree = processTree(server.child.pid!);
  server.child.kill('SIGTERM');
  await sleep(1_000);
  assert.ok(isRunning(server.child.pid!), 'the first one waits');
  const sentMs = performance.now();
  server.child.kill('SIGTERM');
  assert.equal(await server.exit, 1);
  assert.ok(performance.now() - sentMs < 1_000);
  assert.equal(await isGone(server, tree), 1);
});
