import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeferred } from '../../core/deferred.ts';
import { noTenantAliases } from '../../core/registry/aliases.ts';
import { noStats } from '../batching/engine.ts';
import type { ShadowAnswer } from './experiment/shadow.ts';
import type { Route, RouteQuestion } from './rollout.ts';
import { Shadows, type Shown } from './shadows.ts';

const shown = { text: 'the same words', durationMs: 100 };

function open(options: { readonly shadow?: string | null; readonly maxMs?: number } = {}) {
  let shadow = options.shadow === undefined ? 's' : options.shadow;
  const asked: string[] = [];
  const rollout = {
    of: () => ({ ...noTenantAliases, shadow }),
    answer: async <T>({ pin }: RouteQuestion, answer: (route: Route) => T | Promise<T>): Promise<T> => {
      asked.push(JSON.stringify(pin));
      return answer({ adapter: shadow, version: 'v', arm: null });
    },
  };
  const shadows = new Shadows({ rollout, maxMs: options.maxMs ?? 1_000 });
  return { shadows, asked, move: (to: string | null) => void (shadow = to) };
}

const offered = (again: Shown['again'], about: Partial<Shown> = {}): Shown => ({
  model: 'm',
  tenant: 't',
  base: 'sha256:b',
  engine: { stats: () => noStats, state: () => 'ready' },
  answer: shown,
  again,
  ...about,
});

const turns = () => new Promise((done) => setTimeout(done, 5));

test('without a shadow nothing is asked for', async () => {
  const { shadows, asked } = open({ shadow: null });
  assert.equal(shadows.has('m', 't'), false);
  shadows.offer(offered(async () => assert.fail('nobody asks')));
  await turns();
  assert.deepEqual([asked, shadows.report('m', 't')], [[], null]);
});

test('a shadow on the base that answered is compared, and its failures are counted', async () => {
  const { shadows, asked } = open();
  const answers = [
    async () => ({ text: 'the same words', durationMs: 50 }),
    () => Promise.reject(new Error()),
  ];
  for (const again of answers) {
    shadows.offer(offered(again));
    await turns();
  }
  const { version, numSkipped, report } = shadows.report('m', 't')!;
  assert.deepEqual([version, numSkipped], ['s', 0]);
  assert.deepEqual([report.numPairs, report.numFailures, report.equalShare], [2, 1, 1]);
  assert.equal(report.durationMs.shadow?.mean, 50);
  assert.deepEqual(asked, Array(2).fill('{"base":"sha256:b","adapter":"s"}'));
});

test('one of a model runs at a time, and none while requests wait or the engine is away', async () => {
  const { shadows } = open();
  const answer = createDeferred<ShadowAnswer>();
  let numRuns = 0;
  const again = () => {
    numRuns++;
    return answer.promise;
  };
  shadows.offer(offered(again));
  await turns();
  shadows.offer(offered(again));
  shadows.offer(offered(again, { tenant: 'another' }));
  assert.equal(numRuns, 1);
  shadows.offer(offered(again, { model: 'another' }));
  await turns();
  assert.equal(numRuns, 2, 'another model has an engine of its own');
  answer.resolve({ text: 'x', durationMs: 1 });
  await turns();
  const busy = { stats: () => ({ ...noStats, numWaiting: 1 }), state: () => 'ready' as const };
  shadows.offer(offered(again, { engine: busy }));
  shadows.offer(offered(again, { engine: { stats: () => noStats, state: () => 'restarting' as const } }));
  await turns();
  assert.equal(numRuns, 2);
  assert.equal(shadows.report('m', 't')?.numSkipped, 3);
  assert.equal(shadows.report('m', 't')?.report.numPairs, 1);
});

test('a shadow that takes too long is ended and counts as failed; another version begins anew', async () => {
  const { shadows, move } = open({ maxMs: 10 });
  const endless = (_adapter: string, signal: AbortSignal) =>
    new Promise<ShadowAnswer>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  shadows.offer(offered(endless));
  await new Promise((done) => setTimeout(done, 40));
  assert.equal(shadows.report('m', 't')?.report.numFailures, 1);
  move('next');
  assert.equal(shadows.report('m', 't'), null);
  shadows.offer(offered(async () => shown));
  await turns();
  assert.deepEqual(
    [shadows.report('m', 't')?.version, shadows.report('m', 't')?.report.numPairs],
    ['next', 1],
  );
});

test('closing ends what runs, and counts it as nothing', async () => {
  const { shadows } = open();
  let isAborted = false;
  const again = (_adapter: string, signal: AbortSignal) =>
    new Promise<ShadowAnswer>((_, reject) =>
      signal.addEventListener('abort', () => {
        isAborted = true;
        reject(signal.reason);
      }),
    );
  shadows.offer(offered(again));
  await turns();
  await shadows.close();
  assert.equal(isAborted, true);
  shadows.offer(offered(async () => assert.fail('it is closed')));
  await turns();
  assert.equal(shadows.report('m', 't')?.report.numPairs, 0);
});
