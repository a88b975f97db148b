import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../../core/rng.ts';
import { Wager } from './wager.ts';

/** Mean over the opponents of the product of their likelihood ratios, step by step, and the highest of it so far. */
function wealthByHand(steps: readonly (readonly [happened: number, claimed: number])[]): number {
  let highest = 1;
  for (let n = 1; n <= steps.length; n++) {
    const wealths = [2, 4, 8, 16, 64].map((ratio) =>
      steps.slice(0, n).reduce((product, [happened, p]) => {
        const believed = (ratio * p) / (1 - p + ratio * p);
        return product * (happened === 1 ? believed / p : (1 - believed) / (1 - p));
      }, 1),
    );
    highest = Math.max(highest, wealths.reduce((sum, wealth) => sum + wealth, 0) / wealths.length);
  }
  return highest;
}

test('the p-value is one over the highest wealth of the five opponents together', () => {
  const rng = createRng(1);
  const steps = Array.from(
    { length: 60 },
    () => [rng.next() < 0.3 ? 1 : 0, 0.05 + 0.3 * rng.next()] as const,
  );
  const wager = new Wager();
  for (const [happened, claimed] of steps) wager.bet(happened === 1 ? 'event' : 'nothing', claimed);
  const expected = 1 / wealthByHand(steps);
  assert.ok(expected < 0.9, 'the wealth has grown');
  assert.ok(Math.abs(wager.pValue / expected - 1) < 1e-9, `${wager.pValue} ${expected}`);
});

test('three events in a row at a tenth are beyond a level of 0.01, two are not', () => {
  const wager = new Wager();
  wager.bet('event', 0.1);
  wager.bet('event', 0.1);
  assert.ok(wager.pValue > 0.01);
  wager.bet('event', 0.1);
  assert.ok(wager.pValue < 0.01);
});

/** Runs of 500 bets after which, at any time, the p-value was at most 0.05. */
function numAlarms(numRuns: number, rate: number, claimed: number): number {
  let alarms = 0;
  for (let run = 1; run <= numRuns; run++) {
    const [rng, wager] = [createRng(run), new Wager()];
    for (let bet = 0; bet < 500 && wager.pValue > 0.05; bet++)
      wager.bet(rng.next() < rate ? 'event' : 'nothing', claimed);
    if (wager.pValue <= 0.05) alarms += 1;
  }
  return alarms;
}

test('of 1,000 wagers against a true claim, at most 5 % ever reach the level 0.05; against a false one nearly all do', () => {
  assert.ok(numAlarms(1000, 0.1, 0.1) <= 50);
  assert.ok(numAlarms(1000, 0.02, 0.02) <= 50);
  assert.ok(numAlarms(200, 0.05, 0.1) <= 2, 'a rate below the claim is in order');
  assert.ok(numAlarms(200, 0.3, 0.1) >= 198);
});

test('what is revealed late counts as if it had been known', () => {
  const [late, known] = [new Wager(), new Wager()];
  for (let bet = 0; bet < 4; bet++) late.bet('nothing', 0.05);
  late.reveal();
  late.reveal();
  for (const happened of ['nothing', 'nothing', 'event', 'event'] as const) known.bet(happened, 0.05);
  assert.ok(Math.abs(late.pValue / known.pValue - 1) < 1e-12);
});

test('a wager goes on from its state', () => {
  const one = new Wager();
  one.bet('event', 0.1);
  const other = new Wager(JSON.parse(JSON.stringify(one.state())));
  one.bet('nothing', 0.2);
  other.bet('nothing', 0.2);
  assert.deepEqual(other.state(), one.state());
});

test('impossible chances are refused', () => {
  for (const claimed of [0, 1, Number.NaN])
    assert.throws(() => new Wager().bet('event', claimed), /probability/);
});
