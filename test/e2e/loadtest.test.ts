/** The load test against the real program over the model that answers at once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import type { Report } from '../../loadtest/report/result.ts';
import { repoRoot } from '../root.ts';
import { serveLearning } from './learning-server.ts';
import { programEnv, type Served, serve as serveProgram } from './program.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-loadtest-'));
const runMs = 60_000;
const keyOf = (name: string, limits: object) => {
  const sha256 = createHash('sha256').update(name).digest('hex');
  return { name, sha256, scopes: ['inference', 'admin'], ...limits };
};
const keys = JSON.stringify([keyOf('calm', {}), keyOf('loud', { requestsPerMinute: 10 })]);

const serve = (...more: string[]): Promise<Served> =>
  serveProgram(['--model', 'null', '--port', '0', '--admin-port', '0', '--models-embeddings=', ...more], {
    cwd: folder,
    startMs: 30_000,
  });

let server: Served;
before(async () => {
  server = await serve('--auth-keys', keys);
});
after(() => {
  server.child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Exit code, and what it printed. */
function loadtest(...args: string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const main = join(repoRoot, 'dist', 'loadtest', 'main.js');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: programEnv, timeout: runMs });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => void (text += bytes));
    child.once('error', reject);
    child.once('exit', (code) => resolve({ code, text }));
  });
}

const keyed = (): string[] => ['--url', server.url, '--key', 'calm', '--profile', 'smoke'];

test('a smoke run is over in seconds, writes all its files, and ends with 0', async () => {
  const list = 'steady,burst,slow-readers,gateway';
  const { code, text } = await loadtest(
    ...keyed(),
    ...['--scenario', list, '--out', 'out', '--seconds', '1', '--noisy-key', 'loud'],
    // The machine that tests run on may be busy: only that it works is judged here.
    ...[
      '--threshold',
      'burst.after.ttft.p50Ratio<=1000x',
      '--threshold',
      'slow-readers.ttft.p99Ratio<=1000x',
    ],
  );
  assert.equal(code, 0, text);
  const report = JSON.parse(readFileSync(join(folder, 'out', 'result.json'), 'utf8')) as Report;
  assert.equal(report.model, 'null', 'the model that the server lists');
  assert.deepEqual(
    report.scenarios.map(({ name, problem }) => [name, problem]),
    list.split(',').map((name) => [name, null]),
  );
  for (const { loads } of report.scenarios) {
    for (const { name, summary } of loads) assert.ok(summary.numOk > 0 || name === 'slow', name);
  }
  const limited = report.scenarios.at(-1)!.figures.find(({ path }) => path === 'limited.refused.share');
  assert.ok(limited!.value! > 0.9, 'a key whose limit is used up is refused');
  for (const name of ['report.html', 'summary.md', 'junit.xml'])
    assert.match(readFileSync(join(folder, 'out', name), 'utf8'), /steady/);
});

test('a threshold that is missed makes it 1; of the file and of the command line, the latter holds', async () => {
  writeFileSync(join(folder, 'bounds.yaml'), '- steady.ttft.p99 <= 0.001ms\n- burst.ttft.p99 <= 1s\n');
  const args = [...keyed(), '--requests', '4', '--thresholds', 'bounds.yaml'];
  const missed = await loadtest(...args);
  assert.equal(missed.code, 1, missed.text);
  assert.match(missed.text, /MISSED steady\.ttft\.p99 <= 0\.001ms/);
  assert.match(missed.text, /burst\.ttft\.p99 <= 1s: not judged, since burst is not run/);
  const met = await loadtest(...args, '--threshold', 'steady.ttft.p99<=60s');
  assert.equal(met.code, 0, met.text);
});

test('what cannot be run is 2, with the reason', async () => {
  const cases: [string[], RegExp][] = [
    [['--scenario', 'noisy-tenant'], /It needs --noisy-key/],
    [['--scenario', 'swap-under-load'], /It needs --admin-url/],
    [['--scenario', 'replica-loss'], /It needs a --url for each replica/],
    [['--threshold', 'steady.ttft.p98<=1s', '--requests', '2'], /steady has no such figure/],
    [['--threshold', 'stead.ttft.p99<=1s'], /there is no scenario stead/],
    [['--key', 'wrong'], /does not answer: .*401/],
    [['--max-requests', '1'], /more than 1 requests/],
  ];
  for (const [args, reason] of cases) {
    const { code, text } = await loadtest(...keyed(), ...args);
    assert.equal(code, 2, text);
    assert.match(text, reason);
  }
});

test('versions are swapped under load, promoted and rolled back by turns: nothing fails and nothing is mixed', async () => {
  const model = new TinyModel(join(folder, 'swaps'));
  mkdirSync(join(folder, 'swaps'));
  const learning = join(folder, 'swaps', 'state');
  await model.publishAdapter(learningLayout(learning).adapters, await model.import(), 1);
  const { url, adminUrl, kill } = await serveLearning([
    ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
    ...['--learning-dir', learning, '--engine-max-context', '128', '--engine-threads', '1'],
  ]);
  try {
    const { code, text } = await loadtest(
      ...['--url', url, '--admin-url', adminUrl, '--scenario', 'swap-under-load', '--profile', 'smoke'],
      // Of the busy machine that tests run on.
      ...['--threshold', 'swap-under-load.interToken.p99Ratio<=1000x'],
    );
    assert.equal(code, 0, text);
    assert.match(text, /swaps +[1-9]/);
    assert.match(text, /versions +2/, 'answers of the base and of the adapter');
  } finally {
    await kill('SIGKILL');
  }
});

test('of two replicas one is killed in the middle: its own requests fail, clearly, and the other answers', async () => {
  const replicas = await Promise.all([serve(), serve()]);
  try {
    const [first, second] = replicas;
    const args = ['--url', `${first!.url},${second!.url}`, '--kill-pid', String(second!.child.pid)];
    const { code, text } = await loadtest(
      ...args,
      '--scenario',
      'replica-loss',
      '--profile',
      'smoke',
      '--seconds',
      '2',
      '--requests',
      '20000',
    );
    assert.equal(code, 0, text);
    assert.equal(second!.child.signalCode, 'SIGKILL');
  } finally {
    for (const { child } of replicas) child.kill('SIGKILL');
  }
});
