import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { serve } from '../e2e/program.ts';
import { noRedis, RedisServer } from '../redis/redis-server.ts';
import { chartFolder } from './chart.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-hooks-'));
after(() => rmSync(folder, { recursive: true }));
const keyFile = join(folder, 'key');
writeFileSync(keyFile, 'secret\n');

let server: Server | null = null;
afterEach(() => {
  server?.close();
  server = null;
});

type Answer = (request: IncomingMessage) => readonly [status: number, body: object | string];

/** Where it listens, and what it was asked: method, path and key. */
async function listen(answer: Answer): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const listening = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'}`);
    const [status, body] = answer(request);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, asked };
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly tookMs: number;
}

function run(script: string, ...args: string[]): Promise<Ended> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [join(chartFolder, 'files', script), ...args]);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
  return new Promise((resolve) =>
    child.once('close', (code) => resolve({ code, output, tookMs: performance.now() - startedMs })),
  );
}

test('the drain hook tells the server, with the key, and waits its time', async () => {
  const { url, asked } = await listen(() => [200, { status: 'draining' }]);
  const { code, tookMs } = await run('drain.mjs', '1', url, keyFile);
  assert.deepEqual(asked, ['POST /admin/drain Bearer secret']);
  assert.equal(code, 0);
  assert.ok(tookMs >= 1_000);
});

test('the drain hook waits its time where it is refused, not answered or not heard, and ends well', async () => {
  const { url } = await listen(() => [401, {}]);
  const refused = await run('drain.mjs', '1', url, join(folder, 'none'));
  assert.match(refused.output, /not drained: the admin listener answers 401/);
  server!.close();
  const silent = createServer(() => {});
  server = silent;
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const [unanswered, unheard] = await Promise.all([
    run('drain.mjs', '1', `http://127.0.0.1:${port}`),
    run('drain.mjs', '1', url),
  ]);
  silent.closeAllConnections();
  for (const { code, tookMs } of [refused, unanswered, unheard]) {
    assert.equal(code, 0);
    assert.ok(tookMs >= 1_000 && tookMs < 10_000, String(tookMs));
  }
});

const answering: Answer = ({ url, headers }) => {
  if (url === '/health/ready') return [200, {}];
  if (headers.authorization !== 'Bearer secret') return [401, {}];
  if (url === '/v1/models') return [200, { data: [{ id: 'tiny' }] }];
  return [200, { choices: [{ text: ' is' }] }];
};

test('the test pod asks with and without the key', async () => {
  const { url, asked } = await listen(answering);
  const { code, output } = await run('answers.mjs', url, 'tiny', 'asked', keyFile);
  assert.equal(code, 0, output);
  assert.equal(asked.filter((line) => line.includes('/v1/models')).length, 2);
  assert.ok(asked.includes('POST /v1/completions Bearer secret'));
});

test('the test pod fails where keys are not asked for though they should be, and where the model is another', async () => {
  const { url } = await listen((request) =>
    request.url === '/v1/models' ? [200, { data: [{ id: 'other' }] }] : answering(request),
  );
  const open = await run('answers.mjs', url, 'tiny', 'asked', keyFile);
  assert.deepEqual([open.code, /NOT: without a key it answers 401/.test(open.output)], [1, true]);
  const other = await run('answers.mjs', url, 'tiny', 'open', keyFile);
  assert.deepEqual([other.code, /NOT: tiny is served/.test(other.output)], [1, true]);
});

test('the test pod fails where a server that shares is not ready or does not reach Redis', async () => {
  const withMetrics =
    (text: string): Answer =>
    (request) =>
      request.url === '/metrics' ? [200, text] : answering(request);
  const { url } = await listen(withMetrics('# HELP x\nmillrace_redis_up 1\n'));
  const args = ['tiny', 'asked', keyFile];
  const well = await run('answers.mjs', url, ...args, url);
  assert.equal(well.code, 0, well.output);
  assert.match(well.output, /reaches Redis/);
  server!.close();
  const down = await listen(withMetrics('millrace_redis_up 0\n'));
  const { code, output } = await run('answers.mjs', down.url, ...args, down.url);
  assert.deepEqual([code, /NOT: http\S+ reaches Redis/.test(output)], [1, true]);
});

test('the test pod finds the real server on its way to a real Redis', { skip: noRedis }, async () => {
  const redis = await RedisServer.start({ password: 'p@ss' });
  const flags = ['--model', 'null', '--models-embeddings', '', '--port', '0', '--admin-port', '0'];
  const { child, url, exit } = await serve([...flags, '--cluster-redis-url', redis.url], {
    startMs: 30_000,
  }).catch(async (error) => {
    await redis.close();
    throw error;
  });
  try {
    const { code, output } = await run('answers.mjs', url, 'null', 'open', '/nowhere', url);
    assert.equal(code, 0, output);
    assert.match(output, /ok: \S+ reaches Redis/);
  } finally {
    child.kill('SIGTERM');
    await exit;
    await redis.close();
  }
});

test('both hooks understand the real server: it answers, says that it is not ready, and goes on answering', async () => {
  const sha256 = createHash('sha256').update('secret').digest('hex');
  const keys = JSON.stringify([{ name: 'all', sha256, scopes: ['inference', 'admin'] }]);
  const flags = ['--model', 'null', '--models-embeddings', '', '--port', '0', '--admin-port', '0'];
  const { child, url, adminUrl, exit } = await serve([...flags, '--auth-keys', keys], { startMs: 30_000 });
  try {
    const before = await run('answers.mjs', url, 'null', 'asked', keyFile);
    assert.equal(before.code, 0, before.output);
    const { code, output } = await run('drain.mjs', '1', adminUrl, keyFile);
    assert.deepEqual([code, output], [0, '']);
    assert.equal((await fetch(`${url}/health/ready`)).status, 503);
    const headers = { authorization: 'Bearer secret' };
    assert.equal((await fetch(`${url}/v1/models`, { headers })).status, 200);
  } finally {
    child.kill('SIGTERM');
  }
  assert.equal(await exit, 0);
});

test('the import step imports what the volume lacks, and stops at the first that fails', (context) => {
  if (spawnSync('sh', ['-c', 'true']).status !== 0) return context.skip('there is no sh here');
  const [bin, models] = [join(folder, 'bin'), join(folder, 'models')];
  for (const name of [bin, join(models, 'here')]) mkdirSync(name, { recursive: true });
  writeFileSync(join(models, 'here', 'manifest.json'), '{}');
  const log = join(folder, 'log');
  writeFileSync(join(bin, 'millrace'), `#!/bin/sh\necho "$@" >> ${log}\ntest "$2" != bad\n`);
  chmodSync(join(bin, 'millrace'), 0o755);
  const importAll = (...pairs: string[]) =>
    spawnSync('sh', [join(chartFolder, 'files', 'import.sh'), models, ...pairs], {
      env: { PATH: `${bin}${delimiter}${process.env.PATH}` },
      encoding: 'utf8',
    });
  const { status, stdout } = importAll('here=x', 'new=/a/b=c', 'known=known');
  assert.deepEqual([status, stdout], [0, 'here is there\n']);
  const lines = 'import /a/b=c --name new\nimport known --name known\n';
  assert.equal(readFileSync(log, 'utf8'), lines);
  assert.notEqual(importAll('x=bad', 'y=y').status, 0);
  assert.equal(readFileSync(log, 'utf8'), `${lines}import bad --name x\n`);
  writeFileSync(join(bin, 'sleep'), `#!/bin/sh\necho >> ${log}.slept\n`);
  chmodSync(join(bin, 'sleep'), 0o755);
  assert.equal(importAll('--wait', 'here=x').status, 0);
  const late = importAll('--wait', 'here=x', 'late=y', 'later=z');
  assert.deepEqual([late.status, late.stderr], [1, 'late does not come; the learner imports it\n']);
  assert.equal(readFileSync(`${log}.slept`, 'utf8').length, 360, 'in all, not for each');
  assert.equal(readFileSync(log, 'utf8'), `${lines}import bad --name x\n`);
});
