/** A short form of `npm run replicas`, and the parts that judge it on made-up cases. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Ending } from '../chaos/ending.ts';
import type { Noted } from '../chaos/traffic.ts';
import { noRedis } from '../redis/redis-server.ts';
import { type BalancerName, noBalancer, startBalancer } from './balancer.ts';
import { failuresOf, figuresOf } from './figures.ts';
import { Fleet } from './fleet.ts';
import { type MeasureOptions, rollingRestart } from './rolling-restart.ts';
import { complaintAbout, suddenDeath } from './sudden-death.ts';
import { swaps } from './swaps.ts';

const timeout = 120_000;

describe('three replicas under load', { skip: noRedis }, () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await Fleet.start();
  });
  after(() => fleet?.close());

  const measure = async <T>(name: BalancerName, by: (options: MeasureOptions) => Promise<T>): Promise<T> => {
    const balancer = await startBalancer(name, fleet.replicas);
    try {
      return await by({ fleet, balancer, perSecond: 8, seed: 1, calmMs: 1_000 });
    } finally {
      await balancer.close();
    }
  };

  // It has no health checks of its own, so that it is the hardest of the proxies to leave in peace.
  test('restarted one after the other behind nginx they fail no request and lose no row', {
    skip: noBalancer('nginx') ?? false,
    timeout,
  }, async () => {
    const { broken, figures } = await measure('nginx', rollingRestart);
    assert.deepEqual(broken, []);
    assert.ok(figures.requests! > 50 && figures['rows.acknowledged']! > 0, JSON.stringify(figures));
  });

  test('one that is killed fails its own requests alone, which know it within a second, and loses no row', {
    timeout,
  }, async () => {
    const victim = fleet.replicas[1]!;
    const { broken, figures } = await measure('endpoints', (options) => suddenDeath({ ...options, victim }));
    assert.deepEqual(broken, []);
    // Nobody sends again here what a replica that is gone does not take.
    assert.ok(figures.failed! > 0, JSON.stringify(figures));
  });

  test('versions that are promoted come to all, with no request failed and no answer of two versions', {
    timeout,
  }, async () => {
    const { broken, figures } = await measure('endpoints', (options) => swaps({ ...options, numSwaps: 2 }));
    assert.deepEqual(broken, []);
    assert.ok(figures['versions.answered']! >= 2, JSON.stringify(figures));
  });
});

const noted = (ending: Ending, more: Partial<Noted['heard']> = {}, gateway = ''): Noted => ({
  what: 'stream x',
  gateway,
  heard: { startMs: 900, endMs: 1_100, status: 200, isReused: false, ...more },
  ending,
});
const broken: Ending = { kind: 'broken', reason: 'cut off after 10 characters' };

test('what a death excuses: requests of the one that died, cut off at once', () => {
  const victim = { name: 'first' };
  const about = (...of: Parameters<typeof noted>) =>
    complaintAbout(noted(...of), { killMs: 1_000, awayMs: 2_000, victim }).length;
  assert.equal(about(broken), 0);
  assert.equal(about(broken, {}, 'first'), 0);
  assert.equal(about(broken, {}, 'second'), 1, 'it was sent to another one');
  assert.equal(about(broken, { endMs: 2_100 }), 1, 'it was told too late');
  assert.equal(about(broken, { startMs: 800, endMs: 990 }), 1, 'it broke before');
  assert.equal(
    about(broken, { startMs: 1_200, endMs: 1_300 }),
    1,
    'a proxy sends what comes later elsewhere',
  );
  assert.equal(about(broken, { startMs: 1_200, endMs: 1_300, status: null }, 'first'), 0);
  assert.equal(about({ kind: 'refused', status: 500, code: 'internal_error' }, { status: 500 }), 1);
  assert.equal(about({ kind: 'wrong', reason: 'status 502 without an error object' }, { status: 502 }), 0);
});

test('figures count what failed, and answers that contradict each other under one version', () => {
  const said = (text: string, version: string): Noted => noted({ kind: 'answer', version, text, id: '' });
  const all = [said('abc', 'v'), said('ab', 'v'), said('xy', 'w'), said('xz', 'w'), noted(broken)];
  const figures = figuresOf(all);
  assert.deepEqual(
    [figures.requests, figures.failed, figures['cut.streams'], figures['contradicting.answers']],
    [5, 1, 1, 1],
  );
  assert.equal(failuresOf(all).length, 2);
});
