import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { chiSquareSurvival } from '../../../core/stats/distribution.ts';
import { armOf, armOfUnit, unitOf } from './assign.ts';

const keys = Array.from({ length: 20_000 }, (_, index) => `user-${index % 141}/conversation-${index}`);

/** p-value of Pearson's test that all counts have the same expectation. */
function evenness(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return chiSquareSurvival(statistic, counts.length - 1);
}

test('units are uniform over keys that are alike', () => {
  const counts = new Array<number>(50).fill(0);
  for (const key of keys) counts[Math.floor((unitOf(key, 'e1') / 2 ** 53) * 50)]! += 1;
  assert.ok(evenness(counts) > 0.001, counts.join(' '));
});

test('arms of two experiments are independent', () => {
  // Both of equal shares: the four combinations are equally many.
  const counts = [0, 0, 0, 0];
  const bit = (key: string, id: string): number => (armOf(key, id, 0.5) === 'canary' ? 1 : 0);
  for (const key of keys) counts[2 * bit(key, 'e1') + bit(key, 'e2')]! += 1;
  assert.ok(evenness(counts) > 0.001, counts.join(' '));
});

test('the canary gets its share', () => {
  for (const share of [0.01, 0.1, 0.5]) {
    const count = keys.filter((key) => armOf(key, 'e3', share) === 'canary').length;
    const deviation = Math.sqrt(keys.length * share * (1 - share));
    assert.ok(Math.abs(count - keys.length * share) < 3.5 * deviation, `${count} at ${share}`);
  }
});

test('who is the canary stays so when the share grows', () => {
  const shares = [0, 0.001, 0.05, 0.1, 0.5, 0.9, 1];
  for (const key of keys.slice(0, 3000)) {
    const arms = shares.map((share) => armOf(key, 'e4', share));
    const first = arms.indexOf('canary');
    assert.ok(arms.every((arm, index) => (arm === 'canary') === index >= first));
    assert.equal(arms[0], 'stable');
    assert.equal(arms.at(-1), 'canary');
  }
});

test('a unit is the first 53 bits of SHA-256, as another replica would compute them', () => {
  for (const [key, id] of [
    ['', 'e'],
    ['user', 'canary-1'],
    ['ключ \u{1f511}', 'é'],
  ] as const) {
    const digest = createHash('sha256').update(`${id.length}:${id}${key}`, 'utf8').digest('hex');
    const bits = BigInt(`0x${digest}`) >> BigInt(256 - 53);
    assert.equal(BigInt(unitOf(key, id)), bits);
  }
});

test('key and experiment are not mixed up where they meet', () => {
  assert.notEqual(unitOf('bc', 'a'), unitOf('c', 'ab'));
  assert.notEqual(unitOf('1:ab', ''), unitOf('b', 'a'));
});

test('a share that is none is refused', () => {
  for (const share of [-0.1, 1.1, Number.NaN]) assert.throws(() => armOfUnit(0, share), /share/);
});
