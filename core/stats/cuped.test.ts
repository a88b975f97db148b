import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian, type Rng } from '../rng.ts';
import { meanDifference } from './arms.ts';
import { cupedArms, cupedTheta, mergePairs, noPairs, type PairMoments, withPair } from './cuped.ts';

/** y has correlation 0.8 with x, variance 1, and `lift` on top. */
function arm(rng: Rng, size: number, lift = 0): PairMoments {
  let pairs = noPairs;
  for (let user = 0; user < size; user++) {
    const x = nextGaussian(rng);
    pairs = withPair(pairs, 10 + 2 * x, 0.8 * x + 0.6 * nextGaussian(rng) + lift);
  }
  return pairs;
}

test('the covariance of pairs merged in any way is that of two passes', () => {
  const rng = createRng(1);
  const points = Array.from({ length: 50 }, () => [nextGaussian(rng), 7 + nextGaussian(rng)] as const);
  const [meanX, meanY] = [0, 1].map((of) => points.reduce((sum, point) => sum + point[of]!, 0) / 50);
  const wanted = points.reduce((sum, [x, y]) => sum + (x - meanX!) * (y - meanY!), 0) / 49;
  const pairsOf = (some: typeof points) => some.reduce((pairs, [x, y]) => withPair(pairs, x, y), noPairs);
  for (const at of [0, 1, 20, 49, 50]) {
    const merged = mergePairs(pairsOf(points.slice(0, at)), pairsOf(points.slice(at)));
    assert.ok(Math.abs(merged.covariance - wanted) < 1e-14);
    assert.equal(merged.x.count, 50);
  }
});

test('the variance falls by the square of the correlation', () => {
  const rng = createRng(2);
  const arms = { control: arm(rng, 5000), treatment: arm(rng, 5000) };
  assert.ok(Math.abs(cupedTheta(arms) - 0.4) < 0.02, 'cov / var = 0.8 · 2 / 4');
  for (const side of ['control', 'treatment'] as const) {
    const ratio = cupedArms(arms)[side].variance / arms[side].y.variance;
    assert.ok(Math.abs(ratio - (1 - 0.8 ** 2)) < 0.03, `${ratio}`);
  }
});

test('the effect is kept, and known closer', () => {
  const rng = createRng(3);
  const [numRuns, lift] = [500, 0.3];
  let [sum, squares, plainSquares] = [0, 0, 0];
  for (let run = 0; run < numRuns; run++) {
    const arms = { control: arm(rng, 60), treatment: arm(rng, 30, lift) };
    const off = meanDifference(cupedArms(arms)) - lift;
    sum += off;
    squares += off ** 2;
    plainSquares += (arms.treatment.y.mean - arms.control.y.mean - lift) ** 2;
  }
  assert.ok(Math.abs(sum / numRuns) < (3 * Math.sqrt(squares)) / numRuns, `bias ${sum / numRuns}`);
  assert.ok(squares < 0.5 * plainSquares, `${squares / plainSquares} of the squared error`);
});

test('what does not vary adjusts nothing, what predicts all leaves no variance', () => {
  const constant = [1, 4, 2].reduce((pairs, y) => withPair(pairs, 5, y), noPairs);
  const arms = { control: constant, treatment: constant };
  assert.deepEqual(cupedArms(arms), { control: constant.y, treatment: constant.y });
  const perfect = [1, 4, 2].reduce((pairs, y) => withPair(pairs, 3 * y, y), noPairs);
  const { variance } = cupedArms({ control: perfect, treatment: perfect }).control;
  assert.ok(variance >= 0 && variance < 1e-14, `${variance}`);
});

test('no pairs are adjusted to no observations', () => {
  const { control } = cupedArms({ control: noPairs, treatment: arm(createRng(4), 10) });
  assert.equal(control.count, 0);
});
